/** What people type, in the order that the command-line frame expects. */

/** Flags that may stand before the command, as with kubectl, and take a value. */
const leadingValueFlags = new Set(['-n', '--namespace', '--name', '--context', '--kubeconfig', '--as', '--cluster']);

/**
 * `help get` becomes `get --help`; flags before the command move behind it (`-n shop get pods` → `get pods -n shop`),
 * but never behind `--`.
 */
export function arrangeArguments(argv: readonly string[]): string[] {
  const leading: string[] = [];
  let rest = [...argv];
  while (rest[0]?.startsWith('-') && rest[0] !== '--' && !['--help', '-h', '--version', '-V'].includes(rest[0])) {
    const flag = rest.shift()!;
    leading.push(flag);
    if (leadingValueFlags.has(flag) && rest.length > 0) leading.push(rest.shift()!);
  }
  if (rest[0] === 'help') rest = [...rest.slice(1), '--help'];
  if (leading.length === 0) return rest;
  const end = rest.indexOf('--');
  return end < 0 ? [...rest, ...leading] : [...rest.slice(0, end), ...leading, ...rest.slice(end)];
}
