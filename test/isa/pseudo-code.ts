/** Runs the pseudo-code of computational instructions, as its legend explains the notation. */

/** Values by name: operands before, and afterwards also rd and what the statements named. */
export type Values = Map<string, number>;

const TOKEN = /\s*(>>>|<<|>>|==|!=|>=u|<u|>=|\/u|%u|\[\d+:0\]|0x[\da-f]+|\d+|\w+|[-+*/%&|^~<>?:(),])/y;

const levels: readonly (readonly string[])[] = [
  ['==', '!=', '<', '>=', '<u', '>=u'],
  ['|', '&', '^', '<<', '>>', '>>>'],
  ['+', '-'],
  ['*', '/', '%', '/u', '%u'],
];

/** One operator; 32-bit values at rest are signed. */
function apply(operator: string, a: number, b: number): number {
  const [ua, ub] = [a >>> 0, b >>> 0];
  switch (operator) {
    case '+':
      return (a + b) | 0;
    case '-':
      return (a - b) | 0;
    case '*':
      return Number(BigInt.asIntN(32, BigInt(a) * BigInt(b)));
    case '/':
      return b === 0 ? -1 : (a / b) | 0;
    case '/u':
      return b === 0 ? -1 : (ua / ub) | 0;
    case '%':
      return b === 0 ? a : (a % b) | 0;
    case '%u':
      return b === 0 ? a : (ua % ub) | 0;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '<<':
      return a << b;
    case '>>':
      return a >> b;
    case '>>>':
      return (a >>> b) | 0;
    case '==':
      return Number(a === b);
    case '!=':
      return Number(a !== b);
    case '<':
      return Number(a < b);
    case '>=':
      return Number(a >= b);
    case '<u':
      return Number(ua < ub);
    case '>=u':
      return Number(ua >= ub);
    default:
      throw new Error(`no operator ${operator}`);
  }
}

const product = (a: number, b: number, signs: 'ss' | 'su' | 'uu'): bigint =>
  BigInt(signs[0] === 's' ? a : a >>> 0) * BigInt(signs[1] === 's' ? b : b >>> 0);
const upper = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

const functions: Readonly<Record<string, (a: number, b: number) => number>> = {
  min: Math.min,
  max: Math.max,
  minu: (a, b) => (a >>> 0 < b >>> 0 ? a : b),
  maxu: (a, b) => (a >>> 0 > b >>> 0 ? a : b),
  mulh: (a, b) => upper(product(a, b, 'ss')),
  mulhsu: (a, b) => upper(product(a, b, 'su')),
  mulhu: (a, b) => upper(product(a, b, 'uu')),
  clz: (a) => Math.clz32(a),
  ctz: (a) => (a === 0 ? 32 : 31 - Math.clz32(a & -a)),
  popcount: (a) => (a >>> 0).toString(2).replaceAll('0', '').length,
  rotr: (a, b) => (b & 31 ? (a >>> (b & 31)) | (a << (32 - (b & 31))) : a),
  sext: (a) => a,
  zext: (a) => a,
};

/** Recursive descent over one expression: conditional, comparison, bits and shifts, sums, products. */
class Expression {
  readonly #tokens: string[];
  readonly #values: Values;
  #at = 0;
  /** Whether the innermost call around is `sext`. */
  #signed = false;

  constructor(text: string, values: Values) {
    this.#values = values;
    this.#tokens = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (!match) throw new Error(`'${text.slice(start)}' is no pseudo-code`);
      this.#tokens.push(match[1]);
    }
  }

  value(): number {
    const result = this.#conditional();
    if (this.#at < this.#tokens.length) throw new Error(`unexpected '${this.#tokens[this.#at]}'`);
    return result;
  }

  #take(expected: string): void {
    const found = this.#tokens[this.#at++];
    if (found !== expected) throw new Error(`found '${found}', expected '${expected}'`);
  }

  #conditional(): number {
    const condition = this.#level(0);
    if (this.#tokens[this.#at] !== '?') return condition;
    this.#take('?');
    const yes = this.#level(0);
    this.#take(':');
    const no = this.#level(0);
    return condition ? yes : no;
  }

  /** Operators of one level from left to right; different ones of the loose levels may not be mixed. */
  #level(level: number): number {
    if (level === levels.length) return this.#atom();
    let result = this.#level(level + 1);
    let first: string | undefined;
    while (levels[level].includes(this.#tokens[this.#at])) {
      const operator = this.#tokens[this.#at++];
      if (level < 2 && first !== undefined && first !== operator)
        throw new Error(`${first} and ${operator} are mixed`);
      first = operator;
      result = apply(operator, result, this.#level(level + 1));
    }
    return result;
  }

  #atom(): number {
    const token = this.#tokens[this.#at++];
    const value = this.#primary(token);
    const part = /^\[(\d+):0\]$/.exec(this.#tokens[this.#at] ?? '');
    if (!part) return value;
    this.#at++;
    const shift = 31 - Number(part[1]);
    return this.#signed ? (value << shift) >> shift : ((value << shift) >>> shift) | 0;
  }

  #primary(token: string): number {
    if (token === '(') {
      const inner = this.#conditional();
      this.#take(')');
      return inner;
    }
    if (token === '~') return ~this.#atom();
    if (token === '-') return -this.#atom() | 0;
    if (/^\d/.test(token)) return Number(token) | 0;
    if (this.#tokens[this.#at] === '(') {
      const call = functions[token];
      if (!call) throw new Error(`no function ${token}`);
      this.#take('(');
      const outside = this.#signed;
      this.#signed = token === 'sext';
      const first = this.#conditional();
      const more = this.#tokens[this.#at] === ',';
      if (more) this.#at++;
      const second = more ? this.#conditional() : 0;
      this.#take(')');
      this.#signed = outside;
      return call(first, second) | 0;
    }
    const known = this.#values.get(token);
    if (known === undefined) throw new Error(`${token} has no value`);
    return known;
  }
}

/** Whether the statements only compute: no memory, jump, lane operation or other effect. */
export const computesOnly = (lines: readonly string[]): boolean =>
  lines.length > 0 &&
  lines.every((line) => /^(rd|v\d+) = /.test(line)) &&
  !/\b(mem\d+|lanes\d+|dot\d+|replicate\d+|clmulh?|csr|pc|dma|reserved)\b/.test(lines.join(' '));

/** Executes assignments in order. */
export function runPseudoCode(lines: readonly string[], values: Values): void {
  for (const line of lines) {
    const [, name, text] = /^(\w+) = (.*)$/.exec(line) ?? [];
    values.set(name, new Expression(text, values).value());
  }
}
