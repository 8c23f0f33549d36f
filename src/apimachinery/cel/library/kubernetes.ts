/**
 * Quantities, semantic versions, regular expressions, named formats, JSON patch keys.
 * Upstream: apiserver/pkg/cel/library/{quantity,semverlib,regex,format,jsonpatch}.go.
 */
import { isLabelValue, isQualifiedName, nameIsDns1035Label, nameIsDnsLabel, nameIsDnsSubdomain } from '../../names.ts';
import { compileRegex } from '../../pattern.ts';
import { newQuantity, parseQuantity, type Quantity } from '../../quantity.ts';
import { matchesFormat } from '../../schema-formats.ts';
import type { FunctionTable } from '../functions.ts';
import { ArrayList, CelFailure, OpaqueValue, Optional, type Value } from '../values.ts';
import { int } from './standard.ts';
import { requestUriProblem } from './urls.ts';

export class QuantityValue extends OpaqueValue {
  readonly typeName = 'kubernetes.Quantity';
  readonly quantity: Quantity;

  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }

  equals(other: Value): boolean {
    return other instanceof QuantityValue && this.quantity.compare(other.quantity) === 0;
  }
}

/** The whole value, or undefined when there is a fraction or it does not fit in 64 bits. */
function wholeQuantity(quantity: Quantity): bigint | undefined {
  const { nano } = quantity;
  if (nano % 1_000_000_000n !== 0n) return undefined;
  const whole = nano / 1_000_000_000n;
  return int(whole) instanceof CelFailure ? undefined : whole;
}

function quantityOf(text: string): Quantity | undefined {
  try {
    return parseQuantity(text);
  } catch {
    return undefined;
  }
}

function addQuantities(table: FunctionTable): void {
  const words = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  const make = (quantity: Quantity): Value => new QuantityValue(quantity);
  table.add('quantity', 'string_to_quantity', '(string): quantity', (text: string) => {
    const quantity = quantityOf(text);
    return quantity ? make(quantity) : new CelFailure(words);
  });
  table.add('isQuantity', 'is_quantity_string', '(string): bool', (text: string) => quantityOf(text) !== undefined);
  const on = (run: (q: Quantity) => Value) => (value: QuantityValue) => run(value.quantity);
  const both = (run: (a: Quantity, b: Quantity) => Value) => (a: QuantityValue, b: QuantityValue) =>
    run(a.quantity, b.quantity);
  const withInt = (run: (a: Quantity, b: Quantity) => Value) => (a: QuantityValue, b: bigint) =>
    run(a.quantity, newQuantity(b, 'DecimalExponent'));
  table.add(
    'sign',
    'quantity_sign',
    'quantity.(): int',
    on((q) => BigInt(q.sign)),
  );
  table.add(
    'isGreaterThan',
    'quantity_is_greater_than',
    'quantity.(quantity): bool',
    both((a, b) => a.compare(b) > 0),
  );
  table.add(
    'isLessThan',
    'quantity_is_less_than',
    'quantity.(quantity): bool',
    both((a, b) => a.compare(b) < 0),
  );
  table.add(
    'compareTo',
    'quantity_compare_to',
    'quantity.(quantity): int',
    both((a, b) => BigInt(a.compare(b))),
  );
  table.add(
    'asApproximateFloat',
    'quantity_get_float',
    'quantity.(): double',
    on((q) => q.toNumber()),
  );
  table.add(
    'asInteger',
    'quantity_get_int',
    'quantity.(): int',
    on((q) => wholeQuantity(q) ?? new CelFailure('cannot convert value to integer')),
  );
  table.add(
    'isInteger',
    'quantity_is_integer',
    'quantity.(): bool',
    on((q) => wholeQuantity(q) !== undefined),
  );
  table.add(
    'add',
    'quantity_add',
    'quantity.(quantity): quantity',
    both((a, b) => make(a.add(b))),
  );
  table.add(
    'add',
    'quantity_add_int',
    'quantity.(int): quantity',
    withInt((a, b) => make(a.add(b))),
  );
  table.add(
    'sub',
    'quantity_sub',
    'quantity.(quantity): quantity',
    both((a, b) => make(a.subtract(b))),
  );
  table.add(
    'sub',
    'quantity_sub_int',
    'quantity.(int): quantity',
    withInt((a, b) => make(a.subtract(b))),
  );
}

export class SemverValue extends OpaqueValue {
  readonly typeName = 'kubernetes.Semver';
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly string[]) {
    super();
    this.numbers = numbers;
    this.pre = pre;
  }

  equals(other: Value): boolean {
    return other instanceof SemverValue && this.compare(other) === 0;
  }

  compare(other: SemverValue): number {
    for (let i = 0; i < 3; i++) {
      const [a, b] = [this.numbers[i]!, other.numbers[i]!];
      if (a !== b) return a < b ? -1 : 1;
    }
    if (this.pre.length === 0 || other.pre.length === 0) return Math.sign(other.pre.length - this.pre.length);
    for (let i = 0; i < Math.min(this.pre.length, other.pre.length); i++) {
      const order = comparePre(this.pre[i]!, other.pre[i]!);
      if (order !== 0) return order;
    }
    return Math.sign(this.pre.length - other.pre.length);
  }
}

function comparePre(a: string, b: string): number {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (x && y) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
  if (x !== y) return x ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

const semverPattern =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

function normalized(text: string): string | CelFailure {
  const bare = text.replace(/^v/, '');
  const [major = '', minor, ...rest] = bare.split('.');
  const parts = [major, ...(minor === undefined ? [] : [minor]), ...(rest.length > 0 ? [rest.join('.')] : [])].map(
    (part) => {
      if (part.length <= 1) return part;
      const trimmed = part.replace(/^0+/, '');
      return /^\d/.test(trimmed) ? trimmed : `0${trimmed}`;
    },
  );
  if (parts.length < 3 && /[+-]/.test(parts.at(-1)!)) {
    return new CelFailure('short version cannot contain PreRelease/Build meta data');
  }
  while (parts.length < 3) parts.push('0');
  return parts.join('.');
}

/** @returns a CelFailure for what is none */
export function semanticVersion(text: string): Value {
  return semver(text);
}

function semver(text: string, normalize = false): Value {
  const source = normalize ? normalized(text) : text;
  if (source instanceof CelFailure) return source;
  const match = semverPattern.exec(source);
  if (!match) {
    if (source === '') return new CelFailure('Version string empty');
    if (source.split('.').length < 3) return new CelFailure('No Major.Minor.Patch elements found');
    return new CelFailure(`Invalid character(s) found in version ${JSON.stringify(source)}`);
  }
  const numbers = [BigInt(match[1]!), BigInt(match[2]!), BigInt(match[3]!)] as const;
  return new SemverValue(numbers, match[4]?.split('.') ?? []);
}

function addSemver(table: FunctionTable): void {
  const isSemver = (text: string, normalize?: boolean): Value => semver(text, normalize) instanceof SemverValue;
  table.add('semver', 'string_to_semver', '(string): semver', (text: string) => semver(text));
  table.add('semver', 'string_bool_to_semver', '(string, bool): semver', semver);
  table.add('isSemver', 'is_semver_string', '(string): bool', (text: string) => isSemver(text));
  table.add('isSemver', 'is_semver_string_bool', '(string, bool): bool', isSemver);
  const both = (run: (order: number) => Value) => (a: SemverValue, b: SemverValue) => run(a.compare(b));
  table.add(
    'isGreaterThan',
    'semver_is_greater_than',
    'semver.(semver): bool',
    both((order) => order > 0),
  );
  table.add(
    'isLessThan',
    'semver_is_less_than',
    'semver.(semver): bool',
    both((order) => order < 0),
  );
  table.add(
    'compareTo',
    'semver_compare_to',
    'semver.(semver): int',
    both((order) => BigInt(order)),
  );
  (['major', 'minor', 'patch'] as const).forEach((fn, i) => {
    table.add(fn, `semver_${fn}`, 'semver.(): int', (value: SemverValue) => value.numbers[i]!);
  });
}

function findAll(text: string, pattern: string, limit: number): Value {
  try {
    const matcher = compileRegex(pattern).matcher(text);
    const found: string[] = [];
    while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
    return new ArrayList(found);
  } catch (error) {
    return new CelFailure(`Illegal regex: ${(error as Error).message}`);
  }
}

function addRegex(table: FunctionTable): void {
  table.add('find', 'string_find_string', 'string.(string): string', (text: string, pattern: string) => {
    const found = findAll(text, pattern, 1);
    return found instanceof ArrayList ? (found.items[0] ?? '') : found;
  });
  table.add('findAll', 'string_find_all_string', 'string.(string): list<string>', (text: string, pattern: string) =>
    findAll(text, pattern, Number.POSITIVE_INFINITY),
  );
  table.add(
    'findAll',
    'string_find_all_string_int',
    'string.(string, int): list<string>',
    (text: string, pattern: string, limit: bigint) =>
      findAll(text, pattern, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)),
  );
}

export class FormatValue extends OpaqueValue {
  readonly typeName = 'kubernetes.NamedFormat';
  readonly name: string;
  readonly maxRegexSize: number;
  readonly validate: (text: string) => readonly string[];

  constructor(name: string, maxRegexSize: number, validate: (text: string) => readonly string[]) {
    super();
    this.name = name;
    this.maxRegexSize = maxRegexSize;
    this.validate = validate;
  }

  equals(other: Value): boolean {
    return other instanceof FormatValue && this.name === other.name;
  }
}

function published(name: string, format: string, size: number, words: string): FormatValue {
  return new FormatValue(name, size, (text) => (matchesFormat(format, text) ? [] : [words]));
}

/** By the name that `format.named` takes. Regex sizes are those upstream's costs count with. */
function namedFormats(): ReadonlyMap<string, FormatValue> {
  return new Map([
    ['dns1123Label', new FormatValue('DNS1123Label', 30, (text) => nameIsDnsLabel(text, false))],
    ['dns1123Subdomain', new FormatValue('DNS1123Subdomain', 60, (text) => nameIsDnsSubdomain(text, false))],
    ['dns1035Label', new FormatValue('DNS1035Label', 30, (text) => nameIsDns1035Label(text, false))],
    ['qualifiedName', new FormatValue('QualifiedName', 60, isQualifiedName)],
    ['dns1123LabelPrefix', new FormatValue('DNS1123LabelPrefix', 30, (text) => nameIsDnsLabel(text, true))],
    ['dns1123SubdomainPrefix', new FormatValue('DNS1123SubdomainPrefix', 60, (text) => nameIsDnsSubdomain(text, true))],
    ['dns1035LabelPrefix', new FormatValue('DNS1035LabelPrefix', 30, (text) => nameIsDns1035Label(text, true))],
    ['labelValue', new FormatValue('LabelValue', 40, isLabelValue)],
    ['uri', new FormatValue('URI', 1103, (text) => [requestUriProblem(text) ?? []].flat())],
    ['uuid', published('uuid', 'uuid', 102, 'does not match the UUID format')],
    ['byte', published('byte', 'byte', 84, 'invalid base64')],
    ['date', published('date', 'date', 94, 'invalid date')],
    ['datetime', published('datetime', 'datetime', 94, 'invalid datetime')],
  ]);
}

function addFormats(table: FunctionTable): void {
  const formats = namedFormats();
  for (const [name, format] of formats) table.add(`format.${name}`, `format.${name}`, '(): format', () => format);
  table.add('format.named', 'format-named', '(string): optional<format>', (name: string) => {
    const format = formats.get(name);
    return format ? new Optional(format) : Optional.none;
  });
  table.add(
    'validate',
    'format-validate',
    'format.(string): optional<list<string>>',
    (format: FormatValue, text: string) => {
      const problems = format.validate(text);
      return problems.length === 0 ? Optional.none : new Optional(new ArrayList(problems));
    },
  );
}

export function addKubernetesFunctions(table: FunctionTable): void {
  addQuantities(table);
  addSemver(table);
  addRegex(table);
  addFormats(table);
}

/** Only in the environment of MutatingAdmissionPolicy's JSON patches. */
export function addJsonPatchFunctions(table: FunctionTable): void {
  table.add('jsonpatch.escapeKey', 'string_jsonpatch_escapeKey_string', '(string): string', (text: string) =>
    text.replaceAll('~', '~0').replaceAll('/', '~1'),
  );
}
