"""The CloudFormation registry's schemas, which cfn-lint carries: what each region has."""

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError


def schema(region, kind):
    """The schema of a resource's type, or None where CloudFormation doesn't have the type."""
    try:
        return PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema
    except ResourceNotFoundError:
        return None
