"""The Pulumi resources, one file each."""
