"""The home screen that `keyart demo` leaves behind: viewers, two devices each, the pictures keyart chose."""
