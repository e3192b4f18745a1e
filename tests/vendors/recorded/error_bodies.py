"""Error answers as the vendors' documents and recorded replies show them, and what each must be taken for.

One line for each kind that a vendor can tell apart: the kind, the status, the body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Told = tuple[str, int, Any]


def _openai(message: str, kind: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    details = {} if code is None else {"details": {"error_code": code}}
    error = {"type": kind, "message": message, **details}
    return {"type": "error", "error": error, "request_id": "req_1"}


def _google(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def _coded(code: str | int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _minimax(code: int, message: str, kind: str = "api_error") -> dict[str, Any]:
    error = {"type": kind, "message": f"{message} ({code})", "http_code": "400"}
    return {"type": "error", "error": error, "request_id": "req_1"}


def _tencent(kind: str, code: str, message: str) -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": message, "source": "gateway", "request_id": "1"}}


_INFO = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
_SLOW = _openai("Rate limit reached for requests", "requests", "rate_limit_exceeded")
_BUSY = _openai("The service is temporarily overloaded", "server_error")
_WRONG = _openai("Incorrect API key provided", "invalid_request_error", "invalid_api_key")
_MONEY = _openai("Insufficient Balance", "unknown_error", "invalid_request_error")

ERRORS: Mapping[str, tuple[Told, ...]] = {
    "openai": (
        ("bad_key", 401, _WRONG),
        ("quota_exhausted", 429, _openai("You exceeded your current quota", "insufficient_quota")),
        ("quota_exhausted", 429, _openai("No credit", "billing", "credit_balance_exhausted")),
        ("quota_exhausted", 429, _openai("Limit", "billing", "organization_spend_limit_exceeded")),
        ("overloaded", 429, _openai("slow_down: reduce your request rate", "server_error")),
        ("rate_limited", 429, _SLOW),
        ("forbidden", 403, _openai("Country not supported", "request_forbidden", "unsupported_country")),
        ("context_length", 400, _openai("Too long", "invalid_request_error", "context_length_exceeded")),
        ("bad_request", 400, _openai("Invalid value", "invalid_request_error")),
        ("not_found", 404, _openai("The model `m` does not exist", "x", "model_not_found")),
        ("overloaded", 503, _BUSY),
        ("server_error", 500, _openai("The server had an error", "server_error")),
    ),
    "anthropic": (
        ("bad_key", 401, _anthropic("authentication_error", "invalid x-api-key")),
        ("quota_exhausted", 402, _anthropic("billing_error", "Your payment failed")),
        ("quota_exhausted", 400, _anthropic("invalid_request_error", "Your credit balance is too low")),
        ("quota_exhausted", 429, _anthropic("rate_limit_error", "Limit", "enforced_spend_limit_reached")),
        ("quota_exhausted", 429, _anthropic("rate_limit_error", "Limit", "contract_spend_limit_reached")),
        ("forbidden", 400, _anthropic("invalid_request_error", "On hold", "organization_on_hold")),
        ("rate_limited", 429, _anthropic("rate_limit_error", "This would exceed your rate limit")),
        ("forbidden", 403, _anthropic("permission_error", "Your API key may not use this model")),
        ("overloaded", 529, _anthropic("overloaded_error", "Overloaded")),
        ("context_length", 400, _anthropic("invalid_request_error", "prompt is too long: 200001 tokens")),
        ("context_length", 413, _anthropic("request_too_large", "Request exceeds the maximum size")),
        ("timeout", 504, _anthropic("timeout_error", "The request timed out")),
        ("server_error", 500, _anthropic("api_error", "Internal server error")),
        ("not_found", 404, _anthropic("not_found_error", "model: m")),
    ),
    "google": (
        ("bad_key", 400, _google(400, "INVALID_ARGUMENT", "API key not valid.", _INFO)),
        ("bad_key", 401, _google(401, "UNAUTHENTICATED", "Request had invalid credentials.")),
        ("quota_exhausted", 402, _google(402, "RESOURCE_EXHAUSTED", "No credit")),
        ("quota_exhausted", 429, _google(429, "RESOURCE_EXHAUSTED", "Quota: RequestsPerDay")),
        ("rate_limited", 429, _google(429, "RESOURCE_EXHAUSTED", "Quota: RequestsPerMinute")),
        ("forbidden", 403, _google(403, "PERMISSION_DENIED", "The caller does not have permission")),
        ("forbidden", 400, _google(400, "FAILED_PRECONDITION", "User location is not supported")),
        ("bad_request", 400, _google(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")),
        ("overloaded", 503, _google(503, "UNAVAILABLE", "The model is overloaded.")),
        ("timeout", 504, _google(504, "DEADLINE_EXCEEDED", "Deadline exceeded")),
        ("server_error", 500, _google(500, "INTERNAL", "An internal error has occurred.")),
    ),
    "deepseek": (
        ("bad_key", 401, _openai("Authentication Fails (no such user)", "authentication_error")),
        ("quota_exhausted", 402, _MONEY),
        ("bad_request", 422, _openai("Invalid Parameters", "invalid_request_error")),
        ("rate_limited", 429, _SLOW),
        ("overloaded", 503, _BUSY),
        ("server_error", 500, _openai("Server Error", "server_error")),
    ),
    "groq": (
        ("bad_key", 401, _WRONG),
        ("overloaded", 498, _openai("Flex tier capacity exceeded", "x", "capacity_exceeded")),
        ("overloaded", 498, b"capacity"),
        ("rate_limited", 429, _SLOW),
        ("context_length", 413, _openai("Request too large for model", "tokens")),
        ("forbidden", 403, _openai("Access denied", "permissions_error")),
        ("bad_request", 422, _openai("semantic errors", "invalid_request_error")),
        ("overloaded", 503, _BUSY),
    ),
    "azure-openai": (
        ("bad_key", 401, _coded("401", "Access denied due to invalid subscription key.")),
        ("quota_exhausted", 429, _coded("insufficient_quota", "You exceeded your current quota")),
        ("overloaded", 429, _coded("429", "The system is currently experiencing high demand")),
        ("rate_limited", 429, _coded("429", "Requests have exceeded the call rate limit")),
        ("forbidden", 403, _coded("403", "Access denied due to Virtual Network rules.")),
        ("not_found", 404, _coded("DeploymentNotFound", "The API deployment does not exist.")),
        ("content_filter", 400, _coded("content_filter", "The response was filtered")),
        ("overloaded", 503, _coded("503", "Service unavailable")),
    ),
    "mistral": (
        ("bad_key", 401, {"message": "Unauthorized", "request_id": "1"}),
        ("quota_exhausted", 402, {"object": "error", "message": "Payment required", "type": "x"}),
        ("quota_exhausted", 429, {"object": "error", "message": "Monthly quota exceeded", "type": "x"}),
        ("rate_limited", 429, {"object": "error", "message": "Requests rate limit exceeded", "code": "1300"}),
        ("forbidden", 403, {"message": "Forbidden"}),
        ("bad_request", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "no"}]}),
        ("overloaded", 503, {"object": "error", "message": "Service unavailable", "type": "x"}),
    ),
    "openrouter": (
        ("bad_key", 401, _coded(401, "No auth credentials found")),
        ("rate_limited", 402, _coded(402, "in_flight_budget_exhausted")),
        ("quota_exhausted", 402, _coded(402, "Insufficient credits")),
        ("forbidden", 403, _coded(403, "Your input was flagged")),
        ("timeout", 408, _coded(408, "Timed out")),
        ("rate_limited", 429, _coded(429, "Rate limit exceeded")),
        ("overloaded", 502, _coded(502, "Provider returned error")),
        ("overloaded", 503, _coded(503, "No instances available")),
        ("timeout", 524, _coded(524, "A timeout occurred")),
        ("overloaded", 529, _coded(529, "Provider overloaded")),
    ),
    "together": (
        ("bad_key", 401, _WRONG),
        ("quota_exhausted", 402, _MONEY),
        ("rate_limited", 429, _SLOW),
        ("overloaded", 503, _BUSY),
        ("timeout", 504, _openai("Gateway timeout")),
    ),
    "fireworks": (
        ("bad_key", 401, {"error": "unauthorized"}),
        ("quota_exhausted", 412, {"error": {"message": "Account suspended", "code": "PRECONDITION_FAILED"}}),
        ("quota_exhausted", 402, {"error": "payment required"}),
        ("forbidden", 403, {"error": {"message": "forbidden"}}),
        ("rate_limited", 429, {"error": "rate limit exceeded"}),
        ("bad_request", 422, {"detail": [{"msg": "field required"}]}),
        ("overloaded", 503, {"error": "service overloaded"}),
    ),
    "perplexity": (
        ("quota_exhausted", 401, _openai("You exceeded your current quota", "insufficient_quota")),
        ("bad_key", 401, b"<html><head><title>401 Authorization Required</title></head></html>"),
        ("quota_exhausted", 402, _MONEY),
        ("rate_limited", 429, _SLOW),
        ("bad_request", 422, {"detail": [{"msg": "field required"}]}),
        ("overloaded", 503, _BUSY),
    ),
    "cohere": (
        ("bad_key", 401, {"id": "1", "message": "invalid api token"}),
        ("bad_key", 498, {"message": "token expired"}),
        ("quota_exhausted", 402, {"message": "Payment required"}),
        ("quota_exhausted", 429, {"message": "trial key: limited to 1000 API calls / month"}),
        ("rate_limited", 429, {"message": "You are past the per minute request limit"}),
        ("forbidden", 403, {"message": "forbidden"}),
        ("context_length", 400, {"message": "too many tokens: size limit exceeded"}),
        ("bad_request", 400, {"message": "invalid request"}),
        ("overloaded", 503, {"message": "unavailable"}),
        ("timeout", 504, {"message": "timeout"}),
    ),
    "zhipu": (
        ("bad_key", 401, _coded("1002", "Authorization Token非法")),
        ("bad_key", 400, _coded("1111", "账号不存在")),
        ("bad_key", 400, _coded("1000", "身份验证失败")),
        ("forbidden", 400, _coded("1112", "账号已被锁定")),
        ("forbidden", 403, _coded("1220", "无权访问")),
        ("quota_exhausted", 429, _coded("1113", "您的账户已欠费，请充值后重试")),
        ("quota_exhausted", 429, _coded("1308", "已达到使用上限")),
        ("overloaded", 429, _coded("1305", "当前API请求过多")),
        ("overloaded", 429, _coded("1312", "访问量过大")),
        ("rate_limited", 429, _coded("1302", "并发数过高")),
        ("rate_limited", 429, _coded("1303", "频率过高")),
        ("forbidden", 429, _coded("1311", "当前订阅套餐暂未开放该模型权限")),
        ("not_found", 400, _coded("1211", "模型不存在")),
        ("context_length", 400, _coded("1261", "Prompt 超长")),
        ("content_filter", 400, _coded("1301", "系统检测到敏感内容")),
        ("server_error", 500, _coded("500", "内部错误")),
    ),
    "moonshot": (
        ("bad_key", 401, _openai("Invalid Authentication", "invalid_authentication_error")),
        ("quota_exhausted", 429, _openai("No quota", "exceeded_current_quota_error")),
        ("quota_exhausted", 403, _openai("Your balance is not enough", "permission_denied_error")),
        ("quota_exhausted", 403, _openai("You've reached your usage limit", "permission_denied_error")),
        ("quota_exhausted", 402, _MONEY),
        ("overloaded", 429, _openai("The engine is busy", "engine_overloaded_error")),
        ("overloaded", 429, _openai("The engine is currently overloaded", "x")),
        ("rate_limited", 429, _openai("max RPM: 3", "rate_limit_reached_error")),
        ("forbidden", 403, _openai("The API is not accessible", "permission_denied_error")),
    ),
    "baichuan": (
        ("bad_key", 401, _WRONG),
        ("quota_exhausted", 429, _openai("Insufficient account balance", "x")),
        ("rate_limited", 429, _SLOW),
        ("server_error", 500, _openai("internal error")),
    ),
    "dashscope": (
        ("bad_key", 401, _openai("Incorrect API key provided.", "x", "invalid_api_key")),
        ("bad_key", 400, _coded("InvalidApiKey", "Invalid API-key.")),
        ("quota_exhausted", 400, _coded("Arrearage", "Access denied.")),
        ("quota_exhausted", 429, _openai("Free allocated quota exceeded.", "x", "insufficient_quota")),
        ("quota_exhausted", 403, _coded("AllocationQuota.FreeTierOnly", "The free tier is exhausted")),
        ("rate_limited", 429, {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"}),
        ("rate_limited", 429, {"code": "Throttling.AllocationQuota", "message": "x"}),
        ("rate_limited", 429, _openai("Allocated quota exceeded", "x", "insufficient_quota")),
        ("not_found", 404, {"code": "ModelNotFound", "message": "Model can not be found."}),
        ("content_filter", 400, _coded("DataInspectionFailed", "inappropriate content")),
        ("forbidden", 403, {"code": "AccessDenied", "message": "Access denied."}),
        ("overloaded", 503, {"code": "ModelServingError", "message": "Too many requests"}),
    ),
    "stepfun": (
        ("bad_key", 401, _openai("Incorrect API key provided", "invalid_api_key")),
        ("quota_exhausted", 402, _MONEY),
        ("rate_limited", 429, _SLOW),
        ("content_filter", 451, _openai("The content was blocked", "censorship_blocked")),
        ("overloaded", 503, _BUSY),
        ("server_error", 500, _openai("internal error")),
    ),
    "doubao": (
        ("bad_key", 401, _coded("AuthenticationError", "The API key is invalid")),
        ("quota_exhausted", 403, _coded("AccountOverdueError", "The account has an overdue balance")),
        ("quota_exhausted", 429, _coded("QuotaExceeded", "The free quota is used up")),
        ("quota_exhausted", 429, _coded("SetLimitExceeded", "The set limit is reached")),
        ("overloaded", 429, _coded("ServerOverloaded", "The server is overloaded")),
        ("rate_limited", 429, _coded("RateLimitExceeded.EndpointRPMExceeded", "RPM limit reached")),
        ("forbidden", 403, _coded("AccessDenied", "No permission")),
        ("forbidden", 404, _coded("ModelNotOpen", "Your account has not activated the model")),
        ("not_found", 404, _coded("InvalidEndpointOrModel.NotFound", "does not exist")),
        ("not_found", 400, _coded("InvalidEndpoint.ClosedEndpoint", "closed")),
    ),
    "minimax": (
        ("bad_key", 401, _minimax(1004, "login fail", "authentication_error")),
        ("bad_key", 400, _minimax(2049, "invalid api key")),
        ("quota_exhausted", 400, _minimax(1008, "insufficient balance", "insufficient_balance_error")),
        ("quota_exhausted", 429, _minimax(2056, "usage limit exceeded")),
        ("rate_limited", 429, _minimax(1002, "rate limit exceeded", "rate_limit_error")),
        ("timeout", 504, _minimax(1001, "request timeout")),
        ("content_filter", 400, _minimax(1026, "input sensitive")),
        ("content_filter", 400, _minimax(1027, "output sensitive")),
        ("context_length", 400, _minimax(1039, "token limit")),
        ("bad_request", 400, _minimax(2013, "invalid params")),
        ("overloaded", 529, _minimax(1, "overloaded")),
    ),
    "yi": (
        ("bad_key", 401, _WRONG),
        ("quota_exhausted", 402, _MONEY),
        ("rate_limited", 429, _SLOW),
        ("overloaded", 503, _BUSY),
    ),
    "hunyuan": (
        ("bad_key", 401, _tencent("authentication_error", "401002", "invalid api key")),
        ("quota_exhausted", 402, _tencent("billing_error", "402001", "no balance")),
        ("rate_limited", 429, _tencent("rate_limit_error", "429001", "too fast")),
        ("content_filter", 451, _tencent("content_error", "451001", "blocked")),
        ("forbidden", 403, _tencent("permission_error", "403001", "no permission")),
        ("overloaded", 502, _tencent("upstream_error", "502001", "upstream failed")),
        ("bad_request", 400, _tencent("invalid_request_error", "400001", "bad parameter")),
    ),
    "siliconflow": (
        ("bad_key", 401, b'"Invalid token"'),
        ("quota_exhausted", 403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}),
        ("forbidden", 403, {"code": 30003, "message": "Real-name check needed", "data": None}),
        ("rate_limited", 429, {"code": 50505, "message": "TPM limit reached", "data": None}),
        ("overloaded", 503, {"code": 50501, "message": "Model service overloaded", "data": None}),
        ("overloaded", 504, b'"504 Gateway Timeout"'),
    ),
    "venice": (
        ("forbidden", 401, {"error": "This model is only available to Pro users"}),
        ("bad_key", 401, {"error": "Authentication failed"}),
        ("quota_exhausted", 402, {"error": "Insufficient USD or Diem balance"}),
        ("forbidden", 403, {"error": "Unauthorized access"}),
        ("overloaded", 429, {"error": "The model is overloaded. Try again later"}),
        ("rate_limited", 429, {"error": "Rate limit exceeded"}),
        ("content_filter", 422, {"error": "Your prompt violates the content policy"}),
        ("context_length", 400, {"error": "This model's maximum context length is 32768"}),
        ("overloaded", 503, {"error": "The model is at capacity"}),
        ("timeout", 504, {"error": "Timed out"}),
    ),
    "ollama": (
        ("bad_key", 401, {"error": "unauthorized"}),
        ("forbidden", 403, {"error": "this model needs a subscription"}),
        ("not_found", 404, {"error": "model 'm' not found"}),
        ("rate_limited", 429, {"error": "too many requests"}),
        ("server_error", 500, {"error": "llama runner process has terminated"}),
        ("overloaded", 502, {"error": "upstream"}),
        ("overloaded", 503, {"error": "server busy, please try again"}),
    ),
    "custom": (
        ("bad_key", 401, {"detail": "Unauthorized"}),
        ("quota_exhausted", 402, {"message": "Payment required"}),
        ("quota_exhausted", 429, _openai("No quota", "insufficient_quota")),
        ("quota_exhausted", 429, _openai("No quota", "x", "insufficient_quota")),
        ("forbidden", 403, {"error": "forbidden"}),
        ("rate_limited", 429, _SLOW),
        ("overloaded", 503, _BUSY),
        ("overloaded", 529, b""),
    ),
}

# An Anthropic-shaped door answers in Anthropic's words, whoever stands behind it.
ANTHROPIC_DOORS: tuple[Told, ...] = (
    ("bad_key", 401, _anthropic("authentication_error", "invalid key")),
    ("rate_limited", 429, _anthropic("rate_limit_error", "too fast")),
    ("overloaded", 529, _anthropic("overloaded_error", "Overloaded")),
    ("server_error", 500, _anthropic("api_error", "Internal server error")),
    ("forbidden", 403, _anthropic("permission_error", "no")),
    ("bad_request", 400, _anthropic("invalid_request_error", "messages: Field required")),
)


def body_bytes(body: Any) -> bytes:
    """The body as it stands on the wire."""
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
