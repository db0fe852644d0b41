//! A strict stand-in for the drive's HTTP API on a real socket.
