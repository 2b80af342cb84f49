"""Pictures and sound as data: drawing, encoding and generating, without a device of any kind."""
