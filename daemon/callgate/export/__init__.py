"""From the audit log to the organisation's SIEM: formats, sinks, and the loop that ships."""
