"""The commands behind `make deploy`, `make undeploy` and `make logs`.

| module | holds |
| --- | --- |
| answers | the questions, and the checks of each answer |
| settings | infra/samconfig.toml: the answers of the last time |
| template | the template's parameters, conditions and rules, decided without AWS |
| account | credentials, the stack as it is, and what its state allows |
| deploy, undeploy, logs | the commands |

infra/costs.py computes what a month costs, infra/capacity.py reads what provisioned concurrency stands.
"""
