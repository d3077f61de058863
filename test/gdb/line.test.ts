/** The line to the stub without a client: bytes in any portions, damage, interrupts, and clients of other protocols. */
import fc from 'fast-check';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PACKET_SIZE } from '../../src/gdb/packet.ts';
import { commandNames } from '../../src/gdb/features.ts';
import { monitorCommands } from '../../src/gdb/monitor.ts';
import { Runner } from '../../src/gdb/runner.ts';
import { parseAddress } from '../../src/gdb/server.ts';
import { Session } from '../../src/gdb/session.ts';
import { randomRun } from '../support/effort.ts';
import { buildProgram, debuggeeOf, startServer, type TestServer } from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
let elf = '';

beforeEach((context) => {
  needsToolchain(context);
  elf = buildProgram(bench);
});

const framed = (payload: string): string => {
  let sum = 0;
  for (let i = 0; i < payload.length; i++) sum = (sum + payload.charCodeAt(i)) & 0xff;
  return `$${payload}#${sum.toString(16).padStart(2, '0')}`;
};
const hex = (name: string): string => Buffer.from(name).toString('hex');
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** A session in this process whose answers are kept; deferred work runs when asked. */
function directSession() {
  const sent: string[] = [];
  const work: (() => void)[] = [];
  const quits: number[] = [];
  const bugs: string[] = [];
  const runner = new Runner({
    create: (_file, args) => debuggeeOf(elf, args),
    defer: (action) => work.push(action),
    print: () => {},
    log: (line) => bugs.push(line),
    quit: (status) => quits.push(status),
  });
  const line = {
    send: (bytes: Uint8Array) => void sent.push(Buffer.from(bytes).toString('latin1')),
    close: () => {},
    congested: false,
  };
  const session = new Session(line, runner);
  return {
    session,
    runner,
    bugs,
    /** Sends bytes and returns everything that came back. */
    say: (text: string): string => {
      sent.length = 0;
      session.receive(latin1(text));
      return sent.join('');
    },
    /** Lets the machine run until it has nothing more to do, and returns what came back. */
    settle: (): string => {
      sent.length = 0;
      for (let i = 0; i < 1000 && work.length > 0; i++) work.shift()!();
      return sent.join('');
    },
  };
}

describe('a session', () => {
  test('acknowledges packets until asked not to', () => {
    const { say } = directSession();
    expect(say(framed('qC'))).toBe(`+${framed('QC1')}`);
    expect(say(framed('QStartNoAckMode'))).toBe(`+${framed('OK')}`);
    expect(say(`+${framed('qC')}`)).toBe(framed('QC1'));
  });

  test('asks again for a damaged packet, and sends its last one again when asked', () => {
    const { say } = directSession();
    expect(say('$qC#00')).toBe('-');
    expect(say(framed('qC'))).toBe(`+${framed('QC1')}`);
    expect(say('-')).toBe(framed('QC1'));
    say(framed('QStartNoAckMode'));
    expect(say('$qC#00')).toBe('');
    expect(say('-')).toBe('');
  });

  test('gives the same answers however its input is cut', () => {
    const input = [
      'qSupported:multiprocess+',
      '?',
      'g',
      'm80000000,8',
      'X80010000,4:}\x03}]}\x04a',
      'm80010000,4',
    ]
      .map(framed)
      .join('+');
    const whole = directSession().say(input);
    const { say } = directSession();
    expect([...latin1(input)].map((byte) => say(String.fromCharCode(byte))).join('')).toBe(whole);
    expect(whole).toContain('237d2461'); // the escapes of X resolved
  });

  test('answers every packet of ten that arrive at once', () => {
    const { say } = directSession();
    expect(say(framed('qC').repeat(10))).toBe(`+${framed('QC1')}`.repeat(10));
  });

  test('answers packets it does not know with nothing', () => {
    const { say } = directSession();
    for (const name of [
      'vMustReplyEmpty',
      'qTStatus',
      'qOffsets',
      'qSymbol::',
      '_',
      'QNonStop:1',
      'vFlashErase:0,1',
    ]) {
      expect(say(framed(name))).toBe(`+${framed('')}`);
    }
  });

  test('ignores 0x03 while halted, and answers it once while the machine runs', () => {
    const { say, runner } = directSession();
    expect(say('\x03')).toBe('');
    say(framed('QStartNoAckMode'));
    say(framed(`M${runner.debuggee.program.symbols.find('mode')!.address.toString(16)},4:07000000`));
    expect(say(framed('vCont;c'))).toBe('');
    expect(say('\x03')).toMatch(/^\$T02/);
    expect(say('\x03')).toBe('');
    expect(say(`${framed('vCont;c')}\x03\x03`)).toMatch(/^\$T02[^$]*$/);
  });

  test('refuses what needs a halted machine while it runs', () => {
    const { say, runner } = directSession();
    say(framed('QStartNoAckMode'));
    say(framed(`M${runner.debuggee.program.symbols.find('mode')!.address.toString(16)},4:07000000`));
    say(framed('c'));
    expect(say(framed('g'))).toBe(framed('E10'));
    expect(say('\x03')).toMatch(/^\$T02/);
  });

  test('takes and gives packets of the size it announces', () => {
    const { say } = directSession();
    say(framed('QStartNoAckMode'));
    const bytes = PACKET_SIZE - 32;
    expect(say(framed(`X80010000,${bytes.toString(16)}:${'a'.repeat(bytes)}`))).toBe(framed('OK'));
    expect(say(framed(`x80010000,${bytes.toString(16)}`))).toBe(framed(`b${'a'.repeat(bytes)}`));
    expect(say(framed('m80010000,ffffffff')).length).toBeLessThanOrEqual(PACKET_SIZE);
  });

  test('says errors as numbers, or as sentences to who takes them', () => {
    const { say } = directSession();
    say(framed('QStartNoAckMode'));
    expect(say(framed('m0,4'))).toBe(framed('E0e'));
    expect(say(framed('Hg99'))).toBe(framed('E01'));
    expect(say(framed('mxyz'))).toBe(framed('E16'));
    expect(say(framed('M1000,1:00'))).toBe(framed('E1e'));
    say(framed('qSupported:error-message+'));
    expect(say(framed('m0,4'))).toBe(
      framed('E.no memory at 0x00000000 (nearest region: boot ROM 0x00001000..0x00001fff)'),
    );
  });

  test('gives thread ids with processes only to who knows them', () => {
    const { say } = directSession();
    say(framed('QStartNoAckMode'));
    expect(say(framed('qfThreadInfo'))).toBe(framed('m1,2,3,4,5,6,7,8'));
    say(framed('qSupported:multiprocess+'));
    expect(say(framed('qfThreadInfo'))).toContain('mp1.1,p1.2');
    expect(say(framed('?'))).toContain('thread:p1.1;');
    say(framed('qSupported:'));
    expect(say(framed('?'))).toContain('thread:1;');
  });

  test('lists in qSupported what it handles', () => {
    const { say } = directSession();
    const features = say(framed('qSupported:'))
      .replace(/^\+\$|#..$/g, '')
      .split(';');
    for (const feature of 'PacketSize=10000 QStartNoAckMode+ multiprocess+ swbreak+ hwbreak+ vContSupported+ ReverseStep+ ReverseContinue+ qXfer:features:read+ qXfer:threads:read+ qXfer:memory-map:read+ qXfer:exec-file:read+ error-message+ binary-upload+'.split(
      ' ',
    )) {
      expect(features).toContain(feature);
    }
  });

  test('opens the file of the program and no other', () => {
    const { say } = directSession();
    say(framed('QStartNoAckMode'));
    expect(say(framed(`vFile:open:${hex('just probing')},0,1c0`))).toBe(framed('F-1,2'));
    expect(say(framed(`vFile:open:${hex('/etc/passwd')},0,0`))).toBe(framed('F-1,2'));
    expect(say(framed(`vFile:open:${hex(elf)},1,0`))).toBe(framed('F-1,d'));
    expect(say(framed(`vFile:open:${hex(elf)},0,0`))).toBe(framed('F3'));
    expect(say(framed('vFile:pread:3,4,0'))).toBe(framed('F4;\x7fELF'));
    expect(say(framed('vFile:pread:3,4,ffffff'))).toBe(framed('F0;'));
    expect(say(framed('vFile:pread:4,4,0'))).toBe(framed('F-1,9'));
    expect(say(framed(`vFile:unlink:${hex(elf)}`))).toBe(framed(''));
  });

  test('calculates the checksum of compare-sections as GDB does', () => {
    const { say } = directSession();
    say(framed('QStartNoAckMode'));
    say(framed('X80010000,9:123456789'));
    expect(say(framed('qCRC:80010000,9'))).toBe(framed('C376e6e7')); // CRC-32/MPEG-2 of the digits 1 to 9
  });
});

describe('any bytes', () => {
  const HEX = fc.stringMatching(/^[0-9a-f]{0,9}$/);
  const ARGUMENTS = fc.array(
    fc.oneof(HEX, fc.constantFrom(',', ';', ':', '-1', 'p1.2', '=', 'thread', '\xff', '80000000', '4')),
    { maxLength: 8 },
  );
  /** Those that end, start over or run the program have tests of their own. */
  const RUNS = new Set([
    'vRun',
    'R',
    'k',
    'vKill',
    'D',
    'vCtrlC',
    'F',
    'qRcmd',
    'vAttach',
    'vCont',
    'c',
    'C',
    's',
    'S',
    'bc',
    'bs',
    'QStartNoAckMode',
  ]);
  const names = commandNames.filter((name) => !RUNS.has(name));

  test('as arguments of any command give exactly one answer', () => {
    const { say, bugs } = directSession();
    say(framed('QStartNoAckMode'));
    fc.assert(
      fc.property(fc.constantFrom(...names), ARGUMENTS, (name, args) => {
        const answer = say(framed(name + args.join('')));
        expect(answer.startsWith('$')).toBe(true);
        expect(answer.match(/\$/g)).toHaveLength(1);
        expect(answer.match(/#/g)).toHaveLength(1);
      }),
      randomRun(2000),
    );
    expect(bugs).toEqual([]);
    expect(say(framed('qC'))).toMatch(/^\$QC/);
  });

  test('as resumes give one answer once the machine has stopped', () => {
    const { say, settle, runner, bugs } = directSession();
    say(framed('QStartNoAckMode'));
    const action = fc.constantFrom('s', 'c', 'S05', 'C0b', 'r80000000,80000100', 'r0,0', 't', 'x', 'r1');
    const thread = fc.constantFrom('', ':1', ':p1.3', ':-1', ':9', ':p1.-1', ':q');
    fc.assert(
      fc.property(fc.array(fc.tuple(action, thread), { maxLength: 4 }), (parts) => {
        let answers = say(framed(`vCont${parts.map(([a, t]) => `;${a}${t}`).join('')}`));
        for (let i = 0; i < 100 && runner.running; i++) {
          answers += settle();
          if (i > 5) answers += say('\x03');
        }
        const stops = answers.match(/\$(?!O)/g);
        expect(stops).toHaveLength(1);
        if (answers.includes('$W')) say(framed('vRun;'));
      }),
      randomRun(60),
    );
    expect(bugs).toEqual([]);
  });

  test('as monitor commands give text, and one answer', () => {
    const { say, bugs } = directSession();
    say(framed('QStartNoAckMode'));
    const word = fc.oneof(
      fc.constantFrom(
        'on',
        'off',
        'last',
        'save',
        'ita',
        'dma.SRC',
        'mstatus',
        '0',
        '99999999999',
        '-1',
        '0x80000000',
        'main',
      ),
      fc.string({ maxLength: 6 }),
    );
    const names = monitorCommands.map(({ name }) => name).filter((name) => name !== 'quit');
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(word, { maxLength: 3 }), (name, words) => {
        const answer = say(framed(`qRcmd,${hex([name, ...words].join(' '))}`));
        expect(answer.match(/\$(?!O[^K])/g)).toHaveLength(1);
        expect(answer).not.toMatch(/\$E/);
      }),
      randomRun(300),
    );
    expect(bugs).toEqual([]);
  });

  test('on the line neither crash the session nor make it deaf', () => {
    const soup = fc.array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        },
        { weight: 2, arbitrary: fc.constantFrom(...names).map(framed) },
        { weight: 1, arbitrary: fc.constantFrom('$', '#', '}', '\x03', '+', '-', '$qC#', '$vCont;c#a') },
      ),
      { maxLength: 20 },
    );
    const { say, bugs } = directSession();
    fc.assert(
      fc.property(soup, (parts) => {
        say(parts.join(''));
        expect(say(`#00${framed('QStartNoAckMode')}${framed('qC')}`)).toMatch(/\$(QC\d|E10)/);
        say('\x03');
      }),
      randomRun(300),
    );
    expect(bugs).toEqual([]);
  });
});

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));
const read = (socket: Socket): Promise<string> =>
  new Promise((resolve) => socket.once('data', (data) => resolve(data.toString('latin1'))));

describe('the server', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer(elf);
  });
  afterEach(() => server.close());

  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => resolve(socket));
      socket.on('error', reject);
    });
  test('closes a connection that speaks HTTP, without an answer', async () => {
    const socket = await open();
    let heard = '';
    socket.on('data', (data) => (heard += data.toString()));
    socket.write('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n$qRcmd,71756974#00');
    await closed(socket);
    expect(heard).toBe('');
    expect(server.log.join('\n')).toContain('does not speak the remote protocol');
    expect(server.quits).toEqual([]);
  });

  test('answers on a port, and frees the machine when the connection is gone', async () => {
    for (let i = 0; i < 3; i++) {
      const socket = await open();
      socket.write(`+${framed('qC')}`);
      expect(await read(socket)).toContain('$QC1#');
      socket.destroy();
      await closed(socket);
      while (server.runner.connected) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });

  test('keeps no more of a client that never reads than it says', async () => {
    const socket = await open();
    socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    socket.write(framed('x80000000,f000').repeat(2000)); // 120 MB of answers
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48 << 20);
    expect(server.packets.length).toBeGreaterThan(20);
    expect(server.packets.length).toBeLessThan(1000);
    socket.destroy();
    await closed(socket);
  });
});

test('addresses are ports, hosts with ports, or paths', () => {
  expect(parseAddress('0')).toEqual({ kind: 'port', host: '127.0.0.1', port: 0 });
  expect(parseAddress(':3333')).toEqual({ kind: 'port', host: '127.0.0.1', port: 3333 });
  expect(parseAddress('0.0.0.0:1')).toEqual({ kind: 'port', host: '0.0.0.0', port: 1 });
  expect(parseAddress('[::1]:70')).toEqual({ kind: 'port', host: '::1', port: 70 });
  expect(parseAddress('./octet.sock')).toEqual({ kind: 'path', path: './octet.sock' });
  for (const wrong of ['', 'x', '70000', 'a b:3', '1:2:3'])
    expect(() => parseAddress(wrong)).toThrow(/no address/);
});
