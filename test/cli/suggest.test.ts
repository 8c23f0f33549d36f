/** What is offered for a word that is no command and no flag. */
import { expect, test } from 'vitest';
import { commandTree } from '../../src/cli/completion/tree.ts';
import { suggestionsFor, unknownCommand } from '../../src/cli/suggest.ts';

const command = { summary: '', flags: {} };
const tree = commandTree({
  commands: {
    get: { ...command, aliases: ['g'] },
    'etcd:get': command,
    'etcd:put': command,
    'etcd:lease:grant': command,
    'etcd:lease:list': command,
    secret: { ...command, hidden: true },
  },
});

test.each([
  ['gte', ['get'], 'klab', 'klab'],
  ['gte pods', ['get'], 'klab', 'klab'],
  ['et', ['etcd', 'get'], 'klab', 'klab'],
  ['etcd pu', ['put'], 'klab etcd', 'klab etcd'],
  ['etcd lease lst 7', ['list'], 'klab etcd lease', 'klab etcd lease'],
  ['etcd lease revoke', [], 'klab etcd lease', 'klab etcd lease'],
  ['secre', [], 'klab', 'klab'],
  ['x', [], 'klab', 'klab'],
] as const)('klab %s', (line, like, parent, help) => {
  const words = line.split(' ');
  const unknown = words[parent.split(' ').length - 1];
  const suggested = like.length > 0 ? `\n\nDid you mean this?${like.map((one) => `\n\t${one}`).join('')}` : '';
  expect(unknownCommand(tree, words)).toBe(
    `unknown command "${unknown}" for "${parent}"${suggested}\nSee '${help} --help' for usage.`,
  );
});

test.each([
  ['port', ['secure-port', 'etcd-port', 'ports']],
  ['PORTS', ['ports']],
  ['scheduller', ['scheduler']],
  ['s', ['secure-port', 'scheduler']],
  ['', []],
] as const)('%s', (typed, like) => {
  const flags = ['secure-port', 'etcd-port', 'node-port-range', 'ports', 'scheduler', 'nodes'];
  expect(suggestionsFor(typed, flags)).toEqual(like);
});
