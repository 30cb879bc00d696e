"""Register map of the SX1276 in LoRa mode.

Sources: Semtech SX1276/77/78/79 data sheet rev 4, LoRaMac-node's sx1276Regs-LoRa.h and -Fsk.h, errata note
rev 1.
"""

from __future__ import annotations

FIFO = 0x00
OP_MODE = 0x01
FRF_MSB, FRF_MID, FRF_LSB = 0x06, 0x07, 0x08
PA_CONFIG = 0x09
PA_RAMP = 0x0A
OCP = 0x0B
LNA = 0x0C
FIFO_ADDR_PTR = 0x0D
FIFO_TX_BASE_ADDR = 0x0E
FIFO_RX_BASE_ADDR = 0x0F
FIFO_RX_CURRENT_ADDR = 0x10
IRQ_FLAGS_MASK = 0x11
IRQ_FLAGS = 0x12
RX_NB_BYTES = 0x13
RX_HEADER_CNT_MSB, RX_HEADER_CNT_LSB = 0x14, 0x15
RX_PACKET_CNT_MSB, RX_PACKET_CNT_LSB = 0x16, 0x17
MODEM_STAT = 0x18
PKT_SNR_VALUE = 0x19
PKT_RSSI_VALUE = 0x1A
RSSI_VALUE = 0x1B
HOP_CHANNEL = 0x1C
MODEM_CONFIG_1 = 0x1D
MODEM_CONFIG_2 = 0x1E
SYMB_TIMEOUT_LSB = 0x1F
PREAMBLE_MSB, PREAMBLE_LSB = 0x20, 0x21
PAYLOAD_LENGTH = 0x22
MAX_PAYLOAD_LENGTH = 0x23
HOP_PERIOD = 0x24
FIFO_RX_BYTE_ADDR = 0x25
MODEM_CONFIG_3 = 0x26
PPM_CORRECTION = 0x27
FEI_MSB, FEI_MID, FEI_LSB = 0x28, 0x29, 0x2A
RSSI_WIDEBAND = 0x2C
IF_FREQ_1, IF_FREQ_2 = 0x2F, 0x30
DETECT_OPTIMIZE = 0x31
INVERT_IQ = 0x33
HIGH_BW_OPTIMIZE_1 = 0x36
DETECTION_THRESHOLD = 0x37
SYNC_WORD = 0x39
HIGH_BW_OPTIMIZE_2 = 0x3A
INVERT_IQ_2 = 0x3B
IMAGE_CAL = 0x3B  # on the FSK page
DIO_MAPPING_1, DIO_MAPPING_2 = 0x40, 0x41
VERSION = 0x42
PA_DAC = 0x4D

#: RegVersion of SX1276, 77, 78 and 79 alike.
SILICON_VERSION = 0x12

# RegOpMode
LONG_RANGE_MODE = 0x80
ACCESS_SHARED_REG = 0x40
LOW_FREQUENCY_MODE_ON = 0x08
SLEEP, STANDBY, FSTX, TX, FSRX, RX_CONTINUOUS, RX_SINGLE, CAD = range(8)
MODE_NAMES = ("Sleep", "Standby", "FSTX", "TX", "FSRX", "RXCONTINUOUS", "RXSINGLE", "CAD")

# RegIrqFlags
RX_TIMEOUT, RX_DONE, PAYLOAD_CRC_ERROR, VALID_HEADER = 0x80, 0x40, 0x20, 0x10
TX_DONE, CAD_DONE, FHSS_CHANGE_CHANNEL, CAD_DETECTED = 0x08, 0x04, 0x02, 0x01

# RegImageCal
IMAGE_CAL_START, IMAGE_CAL_RUNNING = 0x40, 0x20

#: Addresses that LoRa and FSK mode have each of their own.
PAGED = range(0x0D, 0x40)

#: What DIO0..3 carry for each mapping value; the flags of RegIrqFlags, 0 for nothing that is modelled.
DIO_FLAGS = (
    (RX_DONE, TX_DONE, CAD_DONE, 0),
    (RX_TIMEOUT, FHSS_CHANGE_CHANNEL, CAD_DETECTED, 0),
    (FHSS_CHANGE_CHANNEL, FHSS_CHANGE_CHANNEL, FHSS_CHANGE_CHANNEL, 0),
    (CAD_DONE, VALID_HEADER, PAYLOAD_CRC_ERROR, 0),
)

#: Written by the modem only; a write through SPI has no effect.
READ_ONLY = frozenset(
    {
        FIFO_RX_CURRENT_ADDR,
        *range(RX_NB_BYTES, MODEM_CONFIG_1),
        FIFO_RX_BYTE_ADDR,
        FEI_MSB,
        FEI_MID,
        FEI_LSB,
        RSSI_WIDEBAND,
    }
)

#: LoRa registers that a driver sets up in Sleep or Standby: a change under way hits the running modem.
SET_UP_IN_STANDBY = frozenset(
    {
        FIFO_TX_BASE_ADDR,
        FIFO_RX_BASE_ADDR,
        MODEM_CONFIG_1,
        MODEM_CONFIG_2,
        SYMB_TIMEOUT_LSB,
        PREAMBLE_MSB,
        PREAMBLE_LSB,
        PAYLOAD_LENGTH,
        MODEM_CONFIG_3,
        DETECT_OPTIMIZE,
        INVERT_IQ,
        DETECTION_THRESHOLD,
        SYNC_WORD,
        INVERT_IQ_2,
    }
)

#: LoRa registers that drivers lost to the FSK page by writing them too early (dragino/rpi-lora-tranceiver#2).
LORA_ONLY = SET_UP_IN_STANDBY - {INVERT_IQ_2} | {FIFO_ADDR_PTR, IRQ_FLAGS_MASK, IRQ_FLAGS, MAX_PAYLOAD_LENGTH}

SHARED_RESET = {
    OP_MODE: 0x09,
    FRF_MSB: 0x6C,
    FRF_MID: 0x80,
    FRF_LSB: 0x00,
    PA_CONFIG: 0x4F,
    PA_RAMP: 0x09,
    OCP: 0x2B,
    LNA: 0x20,
    VERSION: SILICON_VERSION,
    0x44: 0x2D,
    0x4B: 0x09,
    PA_DAC: 0x84,
    0x70: 0xD0,
}
LORA_RESET = {
    FIFO_TX_BASE_ADDR: 0x80,
    MODEM_STAT: 0x10,
    MODEM_CONFIG_1: 0x72,
    MODEM_CONFIG_2: 0x70,
    SYMB_TIMEOUT_LSB: 0x64,
    PREAMBLE_LSB: 0x08,
    PAYLOAD_LENGTH: 0x01,
    MAX_PAYLOAD_LENGTH: 0xFF,
    MODEM_CONFIG_3: 0x04,
    IF_FREQ_1: 0x20,
    DETECT_OPTIMIZE: 0xC3,
    INVERT_IQ: 0x27,
    HIGH_BW_OPTIMIZE_1: 0x03,
    DETECTION_THRESHOLD: 0x0A,
    SYNC_WORD: 0x12,
    HIGH_BW_OPTIMIZE_2: 0x65,
    INVERT_IQ_2: 0x1D,
}
FSK_RESET = {
    0x0D: 0x0E,
    0x0E: 0x02,
    0x0F: 0x0A,
    0x10: 0xFF,
    0x12: 0x15,
    0x13: 0x0B,
    0x14: 0x28,
    0x15: 0x0C,
    0x16: 0x12,
    0x17: 0x47,
    0x18: 0x32,
    0x19: 0x3E,
    0x1F: 0x40,
    0x24: 0x05,
    0x26: 0x03,
    0x27: 0x93,
    **dict.fromkeys(range(0x28, 0x30), 0x55),
    0x30: 0x90,
    0x31: 0x40,
    0x32: 0x40,
    0x35: 0x0F,
    0x39: 0xF5,
    0x3A: 0x20,
    IMAGE_CAL: 0x82,
    0x3C: 0xF5,
    0x3E: 0x80,
    0x3F: 0x40,
}
