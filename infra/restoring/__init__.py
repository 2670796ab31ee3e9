"""Parts of `infra/restore.py` and `infra/reconcile.py`."""
