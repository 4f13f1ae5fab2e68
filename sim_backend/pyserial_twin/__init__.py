"""pyserial's handler package for `twin://TOKEN/NAME`: serial ports of twins that live in this process.

pyserial searches the packages in `serial.protocol_handler_packages`; `protocol_twin.offer` puts this one there.
"""
