"""Pure: rules, verdicts and what they are decided on."""
