"""What the OpenAPI description says of the bodies of ``/predict``, which relx reads itself."""

from typing import Any

_RECORD = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string", "description": "A text; without tokens it is a document of any length."},
        "tokens": {"type": "array", "items": {"type": "string"}, "description": "One sentence."},
        "entities": {"type": "array", "items": {"type": "object"}, "description": "Read with given_entities."},
        "meta": {"type": "object", "description": "Returned as it is."},
    },
}
_INPUT = {"anyOf": [{"type": "string"}, _RECORD]}
_ANSWER = {
    "type": "object",
    "description": "A sentence (tokens, entities by token) or a document (sentences, entities by character).",
    "properties": {
        "text": {"type": "string"},
        "entities": {"type": "array", "items": {"type": "object"}},
        "relations": {"type": "array", "items": {"type": "object"}},
    },
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"input": {"type": "integer"}, "error": {"type": "string"}},
            },
        },
    },
}
_STATUSES = {
    "401": "The token is missing or wrong.",
    "403": "A page of another site asks, or the host name is foreign.",
    "404": "No model has this name.",
    "408": "The body did not arrive in time.",
    "413": "The body, the sentences or the tokens are more than the limit.",
    "415": "The body is compressed.",
    "422": "The input cannot be read; each fault has its place.",
    "429": "Too many requests are under way; try again after the seconds of Retry-After.",
    "500": "The service has a fault; its log says where.",
    "504": "The prediction took too long.",
}


def _json(schema: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema, **further}}}


PREDICT: dict[str, Any] = {
    "description": "Takes and answers what relx predict does. A list is answered by a list, in its order.",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_INPUT, {"type": "array", "items": _INPUT}]},
                "example": {"text": "Ada Lovelace was born in London."},
            },
            "text/plain": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    "responses": {
        "200": {"description": "The prediction.", **_json({"anyOf": [_ANSWER, {"type": "array", "items": _ANSWER}]})},
        **{status: {"description": text, **_json(_ERROR)} for status, text in _STATUSES.items()},
    },
}
