"""What the stand-ins for Pulumi providers share: values on the wire, differences, the guard, half of the protocol."""
