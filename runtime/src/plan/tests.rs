//! Plans are data: what they hold can be told without root.
