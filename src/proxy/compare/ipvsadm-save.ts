/** What `ipvsadm-save -n` prints: virtual servers and the real servers behind them. */
import { isIp } from '../../net/index.ts';
import { shorten } from './iptables-save.ts';
import { DumpError, placeOf, type RuleSet } from './rule-set.ts';

const long: Readonly<Record<string, string>> = {
  '--add-service': '-A',
  '--add-server': '-a',
  '--tcp-service': '-t',
  '--udp-service': '-u',
  '--scheduler': '-s',
  '--persistent': '-p',
  '--real-server': '-r',
  '--masquerading': '-m',
  '--weight': '-w',
  '--sched-flags': '-b',
};

/** Names of flags that the kernel numbers; ipvsadm prints either. */
const flagNames: Readonly<Record<string, string>> = { 'flag-1': 'mh-fallback', 'flag-2': 'mh-port' };

function checkAddress(text: string | undefined, at: number): void {
  const ip = /^\[(.*)\]:\d+$/.exec(text ?? '')?.[1] ?? /^(.*):\d+$/.exec(text ?? '')?.[1];
  if (ip === undefined || !isIp(ip)) {
    throw new DumpError(at, `"${text ?? ''}" is no address with a port: use ipvsadm-save -n, which prints numbers`);
  }
}

/** @throws DumpError with the line that does not fit. */
export function readIpvsadmSave(text: string): RuleSet {
  const set: RuleSet = new Map();
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim();
    const at = i + 1;
    if (line === '' || line.startsWith('#')) return;
    const words = line.split(/\s+/).map((word) => long[word] ?? word);
    const [verb, protocol, address] = words;
    if ((verb !== '-A' && verb !== '-a') || !/^(-t|-u|--sctp-service|-f)$/.test(protocol ?? '')) {
      throw new DumpError(at, `"${shorten(line)}" is no line of ipvsadm-save`);
    }
    if (protocol === '-f') return;
    checkAddress(address, at);
    const name = `ipvs ${protocol} ${address}`;
    const place = placeOf(set, name, false);
    const option = (flag: string) => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined);
    if (verb === '-A') {
      const flags = option('-b')
        ?.split(',')
        .map((flag) => flagNames[flag] ?? flag)
        .join(',');
      const key = `service ${option('-s') ?? 'wlc'} ${option('-p') ?? 0} ${flags ?? ''}`.trim();
      place.items.push({ key, text: line, line: at });
    } else {
      checkAddress(option('-r'), at);
      const key = `server ${option('-r')} ${words.includes('-m') ? 'nat' : 'other'} ${option('-w') ?? 1}`;
      place.items.push({ key, text: line, line: at });
    }
  });
  return set;
}
