"""Events in the languages of SIEMs, one file a format. All pure."""
