"""Fields by which a caller could steer a gateway behind us instead of the model: they never travel.

The names are those that a LiteLLM proxy obeys or refuses in a body (read from release 1.106.2, 2026-11), which is a
superset of what other gateways obey. `metadata`, `user` and `store` are OpenAI's own and may pass.
"""

from collections.abc import Iterable

from domain.model.errors import UnsupportedParameter

_NAMES = frozenset(
    """
    api_base api_key api_type api_version base_url base_model deployment_id deployment_url organization headers
    extra_headers extra_query client client_id client_secret custom_llm_provider custom_prompt_dict
    model_alias_map model_config model_file_id_mapping model_info model_list region_name retry_policy
    retry_strategy num_retries max_retries fallbacks default_fallbacks disable_fallbacks
    context_window_fallbacks context_window_fallback_dict content_policy_fallbacks max_fallbacks fallback_depth
    attempted_targets specific_deployment timeout request_timeout stream_timeout force_timeout
    client_side_timeout timeout_by_service_tier stream_timeout_by_service_tier keepalive_seconds cooldown_time
    allowed_fails routing_strategy order weight rpm tpm itpm otpm max_parallel_requests priority cache caching
    caching_groups cache_key preset_cache_key ttl no-log no_log logger_fn verbose guardrails tags tag_regex
    callbacks success_callback failure_callback drop_params additional_drop_params allowed_openai_params
    use_client use_litellm_proxy use_chat_completions_api use_in_pass_through user_config proxy_server_request
    provider_specific_header secret_fields shared_session silent_model ssl_verify use_ssl tenant_id
    tiered_pricing turn_off_message_logging user_api_key_auth_metadata max_budget budget_duration hf_model_name
    prompt_id prompt_label prompt_variables prompt_version prompt_environment rust acompletion aembedding
    text_completion async_call complete_response stream_response final_prompt_value slack_webhook_url
    use_xai_oauth configurable_clientside_auth_params allow_client_keepalive_override search_tool_name
    workspace_id
    """.split()  # noqa: SIM905 - a list of quoted names would be four times as long and no clearer
)
_PREFIXES = tuple(
    """
    _ aws_ azure_ vertex_ s3_ gcs_ bedrock_ sagemaker_ litellm_ mock_ langfuse_ langsmith_ arize_ dd_ posthog_
    newrelic_ signoz_ braintrust_ humanloop_ lunary_ wandb_ weave_ anthropic_ anthropic- openai_ input_cost_
    output_cost_ cache_creation_input_ cache_read_input_ auto_router_ adaptive_router_ complexity_router_
    quality_router_
    """.split()  # noqa: SIM905 - same
)


def refuse_steering(names: Iterable[str]) -> None:
    """Raise UnsupportedParameter for the first name that is not for the model."""
    for name in names:
        if name in _NAMES or name.startswith(_PREFIXES):
            raise UnsupportedParameter("This field is not accepted here: it is not for the model.", param=name)
