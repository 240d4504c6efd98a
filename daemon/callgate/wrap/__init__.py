"""Put our launcher in front of a server in a user's file, and take it out again byte for byte."""
