/** The generated headers of `firmware/include`, by file name: every device's register map and the address map. */
import { addressMap } from './address-map.ts';
import { clintRegisters } from './clint.ts';
import { clusterRegisters } from './cluster-peripherals.ts';
import { QUEUE_FULL, dmaRegisters } from './dma.ts';
import { eventRegisters } from './event-unit.ts';
import { ITA } from './ita/registers.ts';
import { emitAddressHeader, emitRegisterHeader } from './header.ts';
import { performanceEvents } from './performance-events.ts';
import { uartRegisters } from './uart.ts';

/** Text of each generated header. */
export function generatedHeaders(): Readonly<Record<string, string>> {
  return {
    'octet_map.h': emitAddressHeader(addressMap),
    'octet_dma.h': emitRegisterHeader(dmaRegisters, [
      {
        name: 'QUEUE_FULL',
        value: QUEUE_FULL,
        doc: 'Returned by LAUNCH when this hart may queue no more; not an id.',
      },
    ]),
    'octet_event.h': emitRegisterHeader(eventRegisters),
    'octet_cluster.h': emitRegisterHeader(
      clusterRegisters,
      Object.entries(performanceEvents).map(([name, { code, doc }]) => ({
        name: `PERF_${name}`,
        value: code,
        doc,
      })),
    ),
    'octet_ita.h': emitRegisterHeader(ITA),
    'octet_clint.h': emitRegisterHeader(clintRegisters),
    'octet_uart.h': emitRegisterHeader(uartRegisters),
  };
}
