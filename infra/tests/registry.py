"""The CloudFormation registry's schemas, which cfn-lint carries: which types a region has."""

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError


def missing_types(region, types):
    """Types that CloudFormation doesn't have in a region."""
    missing = []
    for kind in types:
        try:
            PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind)
        except ResourceNotFoundError:
            missing.append(kind)
    return missing
