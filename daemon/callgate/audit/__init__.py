"""The durable, chained record of what was asked, decided and done."""
