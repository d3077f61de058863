import { expect, test } from 'vitest';
import { Uart, uartRegisters } from '../../src/device/uart.ts';
import { offsetOf } from './lines.ts';

function machine() {
  const sent: number[] = [];
  const uart = new Uart((byte) => sent.push(byte));
  type Name = keyof typeof uartRegisters.registers;
  return {
    uart,
    sent,
    get: (name: Name) => uart.load(offsetOf(uartRegisters, name), 1, 0),
    set: (name: Name, value: number) => uart.store(offsetOf(uartRegisters, name), 1, value, 0),
  };
}

test('a byte stored to DATA is sent, and the transmitter is ready for the next', () => {
  const { sent, get, set } = machine();
  for (const letter of 'ok') {
    expect(get('LSR') & 0x60).toBe(0x60);
    set('DATA', letter.charCodeAt(0));
  }
  set('DATA', -1);
  expect(sent).toEqual([111, 107, 255]);
});

test('received bytes wait in order, and LSR tells when there is one', () => {
  const { uart, get } = machine();
  expect(get('LSR') & 1).toBe(0);
  uart.receive([7, 8]);
  expect([get('LSR') & 1, uart.peek(0, 1, 0), get('DATA'), get('DATA')]).toEqual([1, 7, 7, 8]);
  expect([get('LSR') & 1, get('DATA')]).toEqual([0, 0]);
});

test('DLAB turns DATA and IER into the divisor without sending anything', () => {
  const { sent, get, set } = machine();
  set('LCR', 0x80);
  set('DATA', 13);
  set('IER', 1);
  expect([get('DATA'), get('IER')]).toEqual([13, 1]);
  set('LCR', 0x03);
  expect([get('IER'), sent.length]).toEqual([0, 0]);
});

test('clearing the receive FIFO drops its bytes', () => {
  const { uart, get, set } = machine();
  uart.receive([1, 2]);
  set('IIR_FCR', 0x03);
  expect([get('LSR') & 1, get('IIR_FCR')]).toEqual([0, 0xc1]);
});

test('an access wider than a byte is refused', () => {
  const { uart } = machine();
  expect(() => uart.store(0, 4, 65, 0)).toThrow('register DATA takes accesses of 1 bytes, not 4');
});

test('a snapshot carries registers and unread input', () => {
  const original = machine();
  original.set('SCR', 0x5a);
  original.uart.receive([9]);
  const copy = machine();
  copy.uart.restore(original.uart.snapshot());
  expect([copy.get('SCR'), copy.get('DATA'), original.get('DATA')]).toEqual([0x5a, 9, 9]);
});
