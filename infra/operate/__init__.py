"""The commands behind `make deploy`, `make undeploy` and `make logs`.

| module | holds |
| --- | --- |
| answers | the questions, and the checks of each answer |
| settings | infra/samconfig.toml: the saved answers |
| template | the template's parameters, conditions and rules, decided without AWS |
| account | credentials, the current stack, and the operations that its state allows |
| deploy, undeploy, logs | the commands |

infra/costs.py computes the cost of a month. infra/capacity.py reads the provisioned concurrency.
"""
