"""What `infra/restore.py` and `infra/reconcile.py` are made of."""
