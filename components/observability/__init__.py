"""What watches the stack: metrics, rules, alerts, dashboards and the autoscaler's metric."""
