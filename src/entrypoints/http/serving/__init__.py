"""From sockets to ASGI messages and back: uvicorn, with bounds on connections and one write for each part."""
