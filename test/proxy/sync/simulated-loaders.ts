/** What iptables-restore, nft, ipset, ipvsadm and ip would hold after the inputs given to them: as strict as they are. */
import type { LoadStep } from '../../../src/proxy/index.ts';

export class SimulatedLoaders {
  /** Rule lines by `table chain`. */
  readonly chains = new Map<string, string[]>();
  readonly nftChains = new Map<string, string[]>();
  readonly nftSets = new Map<string, Map<string, string>>();
  readonly nftDeclarations = new Map<string, string>();
  readonly sets = new Map<string, Set<string>>();
  readonly servers = new Map<string, { options: string; real: Set<string> }>();
  readonly addresses = new Set<string>();

  load(steps: readonly LoadStep[]): this {
    for (const { program, input } of steps) {
      const lines = input.trimEnd().split('\n');
      if (program === 'iptables-restore') this.#iptables(lines);
      else if (program === 'nft') this.#nft(lines);
      else for (const line of lines) this[program](line);
    }
    return this;
  }

  /** Everything as plain text, in an order that does not depend on history. */
  state(): string[] {
    const list = (of: Map<string, Iterable<string>>) =>
      [...of].map(([key, values]) => `${key}: ${[...values].join('\n  ')}`);
    const sorted = (of: Map<string, Set<string>>) => new Map([...of].map(([key, values]) => [key, [...values].sort()]));
    const elements = new Map(
      [...this.nftSets].map(([key, map]) => [key, [...map].map(([k, v]) => `${k} = ${v}`).sort()]),
    );
    const servers = new Map([...this.servers].map(([key, { options, real }]) => [key, [options, ...[...real].sort()]]));
    return [
      ...list(this.chains),
      ...list(this.nftChains),
      ...[...this.nftDeclarations].map(([key, text]) => `${key} is ${text}`),
      ...list(elements),
      ...list(sorted(this.sets)),
      ...list(servers),
      ...this.addresses,
    ].sort();
  }

  #iptables(lines: readonly string[]): void {
    let table = '';
    for (const line of lines) {
      const [word = '', chain = ''] = line.split(' ', 2);
      if (word.startsWith('*')) table = word.slice(1);
      else if (word.startsWith(':')) this.chains.set(`${table} ${word.slice(1)}`, []);
      else if (word === '-A') {
        const target = / -j (KUBE-\S+)/.exec(line)?.[1];
        if (target && !this.chains.has(`${table} ${target}`)) throw new Error(`no chain ${target}: ${line}`);
        const rules = this.chains.get(`${table} ${chain}`);
        if (!rules) throw new Error(`no chain ${chain}`);
        rules.push(line);
      } else if (word === '-X') {
        for (const [other, rules] of this.chains) {
          if (other.startsWith(`${table} `) && rules.some((rule) => rule.endsWith(` -j ${chain}`))) {
            throw new Error(`${chain} is in use by ${other}`);
          }
        }
        if (!this.chains.delete(`${table} ${chain}`)) throw new Error(`no chain ${chain}`);
      } else if (word !== 'COMMIT') throw new Error(`what is ${line}?`);
    }
  }

  #nft(lines: readonly string[]): void {
    for (const line of lines) {
      const [verb = '', kind = '', , , name = ''] = line.split(' ', 5);
      const rest = line.split(' ').slice(5).join(' ');
      const must = <T>(value: T | undefined): T => {
        if (value === undefined) throw new Error(`not there: ${line}`);
        return value;
      };
      const referred = (what: string) => {
        const users = [...this.nftChains].filter(([, rules]) => rules.some((rule) => rule.split(' ').includes(what)));
        const elements = [...this.nftSets].filter(([, map]) =>
          [...map.values()].some((value) => value.endsWith(` ${what}`)),
        );
        if (users.length + elements.length > 0) throw new Error(`${what} is in use: ${[...users, ...elements]}`);
      };
      if (kind === 'table') {
        if (verb === 'delete') for (const map of [this.nftChains, this.nftSets, this.nftDeclarations]) map.clear();
      } else if (kind === 'chain' && verb === 'add') {
        if (!this.nftChains.has(name)) this.nftChains.set(name, []);
        this.nftDeclarations.set(name, line);
      } else if (kind === 'chain' && verb === 'flush') must(this.nftChains.get(name)).length = 0;
      else if (kind === 'chain' && verb === 'delete') {
        referred(name);
        if (must(this.nftChains.get(name)).length > 0) throw new Error(`not empty: ${name}`);
        this.nftChains.delete(name);
        this.nftDeclarations.delete(name);
      } else if (kind === 'rule') {
        const target = /(?:jump|goto) (\S+)$/.exec(rest)?.[1];
        if (target) must(this.nftChains.get(target));
        must(this.nftChains.get(name)).push(rest);
      } else if ((kind === 'set' || kind === 'map') && verb === 'add') {
        if (this.nftSets.has(name)) throw new Error(`there already: ${line}`);
        this.nftSets.set(name, new Map());
        this.nftDeclarations.set(name, line);
      } else if (kind === 'set' && verb === 'delete') {
        referred(`@${name}`);
        must(this.nftSets.get(name));
        this.nftSets.delete(name);
        this.nftDeclarations.delete(name);
      } else if (kind === 'element') {
        const [, key = '', value = ''] = /^\{ (.*?)(?: comment "[^"]*")?(?: : (.*))? \}$/.exec(rest) ?? [];
        const map = must(this.nftSets.get(name));
        if (verb === 'delete' ? !map.delete(key) : map.has(key)) throw new Error(`cannot ${line}`);
        if (verb === 'add') {
          if (value.startsWith('goto ')) must(this.nftChains.get(value.slice(5)));
          map.set(key, value);
        }
      } else throw new Error(`what is ${line}?`);
    }
  }

  ipset(line: string): void {
    const [verb = '', set = '', entry = ''] = line.split(' ', 3);
    if (verb === 'create' && !this.sets.has(set)) this.sets.set(set, new Set());
    const entries = this.sets.get(set);
    if (!entries) throw new Error(`no set ${set}`);
    if (verb === 'flush') entries.clear();
    if (verb === 'add') entries.add(entry);
    if (verb === 'del') entries.delete(entry);
  }

  ipvsadm(line: string): void {
    const words = line.split(' ');
    if (words[0] === '-C') this.servers.clear();
    if (words.length === 1) return;
    const key = words.slice(1, 3).join(' ');
    const rest = words.slice(3).join(' ');
    const server = this.servers.get(key);
    if ((words[0] === '-A') === (server !== undefined))
      throw new Error(`${server ? 'there already' : 'no server'}: ${line}`);
    if (words[0] === '-A') this.servers.set(key, { options: rest, real: new Set() });
    if (words[0] === '-E') server!.options = rest;
    if (words[0] === '-D') this.servers.delete(key);
    if (words[0] === '-a') server!.real.add(words[4]!);
    if (words[0] === '-d' && !server!.real.delete(words[4]!)) throw new Error(`not behind it: ${line}`);
  }

  ip(line: string): void {
    const [, verb, address = ''] = line.split(' ');
    if (verb === 'replace') this.addresses.add(address);
    else if (!this.addresses.delete(address)) throw new Error(`no such address: ${line}`);
  }
}
