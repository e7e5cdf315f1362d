"""What the relations of a domain may look like: proposed from data, checked in data, enforced on predictions."""

from relx.schema.enforcement import Argument, Dropped, Fact, enforce
from relx.schema.proposal import propose
from relx.schema.schema import RelationRules, Schema
from relx.schema.texts import Enforcement, Violation, dropped_summary, facts_of, facts_of_document, violations

__all__ = [
    "Argument",
    "Dropped",
    "Enforcement",
    "Fact",
    "RelationRules",
    "Schema",
    "Violation",
    "dropped_summary",
    "enforce",
    "facts_of",
    "facts_of_document",
    "propose",
    "violations",
]
