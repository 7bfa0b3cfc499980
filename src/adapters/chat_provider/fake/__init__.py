"""A provider that needs no key and no network: made for developing and testing programs against the gateway.

Read `models` first: the table of what there is. `answers` say it, `completion` and `script` give it its form.
"""
