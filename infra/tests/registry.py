"""The CloudFormation registry's schemas for each region, from cfn-lint."""

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError


def schema(region, kind):
    """Returns the schema of a resource's type, or None if CloudFormation doesn't have the type."""
    try:
        return PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema
    except ResourceNotFoundError:
        return None
