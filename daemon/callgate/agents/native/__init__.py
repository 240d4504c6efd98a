"""What each agent's own managed settings can enforce, one file a vendor, and how they are written."""
