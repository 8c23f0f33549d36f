/** Answers made up from the question's name. Upstream: plugin/template/template.go, coredns 1.13. */
import { familyOf, ipToNumber } from '../net/index.ts';
import { fallsThrough, type TemplatePart, type TemplateSettings, zoneOf } from './corefile/settings.ts';
import { flag, nameBytes, type RawRecord, type Reply, responseCode, typeName, typeNumber } from './message.ts';

interface Values {
  readonly Name: string;
  readonly Zone: string;
  readonly Class: string;
  readonly Type: string;
  readonly groups: Readonly<Record<string, string | undefined>>;
}

const usualTtl = 3600;

/** The first rule that is for a question; undefined: the next plugin's. `name` in lower case, without its last dot. */
export function templateReply(rules: readonly TemplateSettings[], name: string, type: number): Reply | undefined {
  for (const rule of rules) {
    const zone = zoneOf(name, rule.zones);
    if (zone === undefined) continue;
    if (rule.type !== typeNumber.ANY && type !== typeNumber.ANY && type !== rule.type) continue;
    const found = firstMatch(rule.matches, `${name}.`);
    if (!found) {
      if (fallsThrough(name, rule.fallthrough)) continue;
      return { code: responseCode.nameError, flags: 0, answers: [] };
    }
    if (rule.code === responseCode.serverFailure) return failure;
    const groups = { ...found.groups, ...Object.fromEntries(found.entries()) };
    const values = { Name: `${name}.`, Zone: `${zone}.`, Class: 'IN', Type: typeName(type), groups };
    try {
      const records = (texts: TemplateSettings['answer']) => texts.map((parts) => recordOf(filled(parts, values)));
      return {
        code: rule.code,
        flags: flag.authoritative,
        answers: records(rule.answer),
        authorities: records(rule.authority),
        additionals: records(rule.additional),
      };
    } catch {
      // What the name was put into is no record.
      return failure;
    }
  }
  return undefined;
}

const failure: Reply = { code: responseCode.serverFailure, flags: 0, answers: [] };

function firstMatch(patterns: readonly RegExp[], name: string): RegExpExecArray | undefined {
  for (const pattern of patterns) {
    const found = pattern.exec(name);
    if (found) return found;
  }
  return undefined;
}

function filled(parts: readonly TemplatePart[], values: Values): string {
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      // What a template does not have is `<no value>` in Go, which no record can be read from.
      return 'field' in part ? values[part.field] : (values.groups[part.group] ?? '<no value>');
    })
    .join('');
}

/** `name [ttl] [class] type data`, as in zone files. @throws RangeError */
function recordOf(text: string): RawRecord {
  const [name, ...words] = text.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  const ttl = /^\d+$/.test(words[0] ?? '') ? Number(words.shift()) : usualTtl;
  if (words[0] === 'IN') words.shift();
  const type = (typeNumber as Readonly<Record<string, number>>)[words.shift() ?? ''];
  if (name === undefined || type === undefined) throw new RangeError(`no record: ${text}`);
  return { name: bare(name), type, class: 1, ttl, data: dataOf(type, words) };
}

const bare = (name: string) => name.replace(/\.$/, '');
/** Which words are names, and how many bytes each number has. */
const layouts: Readonly<Record<number, readonly ('name' | 2 | 4)[]>> = {
  [typeNumber.CNAME]: ['name'],
  [typeNumber.DNAME]: ['name'],
  [typeNumber.NS]: ['name'],
  [typeNumber.PTR]: ['name'],
  [typeNumber.MX]: [2, 'name'],
  [typeNumber.SRV]: [2, 2, 2, 'name'],
  [typeNumber.SOA]: ['name', 'name', 4, 4, 4, 4, 4],
};

function dataOf(type: number, words: readonly string[]): Buffer {
  if (type === typeNumber.A || type === typeNumber.AAAA) {
    const [address = ''] = words;
    const family = familyOf(address);
    if (family !== (type === typeNumber.A ? 'IPv4' : 'IPv6')) throw new RangeError(`no address: ${address}`);
    return Buffer.from(
      ipToNumber(address)!
        .toString(16)
        .padStart(family === 'IPv4' ? 8 : 32, '0'),
      'hex',
    );
  }
  if (type === typeNumber.TXT || type === typeNumber.HINFO) return Buffer.concat(words.map(characterString));
  const layout = layouts[type];
  if (!layout || layout.length !== words.length) throw new RangeError(`no data of ${typeName(type)}`);
  return Buffer.concat(
    layout.map((kind, i) => {
      const word = words[i]!;
      if (kind === 'name') return nameBytes(bare(word));
      if (!/^\d+$/.test(word)) throw new RangeError(`no number: ${word}`);
      const bytes = Buffer.alloc(kind);
      bytes.writeUIntBE(Number(word), 0, kind);
      return bytes;
    }),
  );
}

function characterString(word: string): Buffer {
  const text = word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word;
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new RangeError('a text of more than 255 bytes');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
