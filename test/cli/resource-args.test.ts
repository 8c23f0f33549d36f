import { describe, expect, it } from 'vitest';
import { parseResourceWords, type SelectionOptions, selectResources } from '../../src/cli/resource-args.ts';
import { cliSession } from '../helpers/cli-session.ts';

async function select(words: string, options: Partial<SelectionOptions> = {}) {
  const { session } = cliSession();
  const { targets, single } = await selectResources(session, words.split(' '), {
    command: 'get',
    kindAlone: true,
    ...options,
  });
  const text = ({ resource, namespace, name }: (typeof targets)[number]) =>
    `${namespace}:${resource.plural}.${resource.group}/${name ?? '*'}`;
  return { targets: targets.map(text), single };
}

describe('resource words', () => {
  it('takes short names, plurals, kinds, groups and versions', async () => {
    const deployments = { targets: ['default:deployments.apps/*'], single: false };
    for (const word of ['deploy', 'deployments', 'Deployment', 'deploy.apps', 'deployments.v1.apps']) {
      expect(await select(word)).toEqual(deployments);
    }
    expect((await select('po,svc,po')).targets).toEqual(['default:pods./*', 'default:services./*']);
    expect((await select('no')).targets).toEqual([':nodes./*']);
  });

  it('takes names after one kind, pairs, and several kinds crossed with names', async () => {
    expect(await select('po web')).toEqual({ targets: ['default:pods./web'], single: true });
    expect((await select('po web db')).targets).toEqual(['default:pods./web', 'default:pods./db']);
    expect((await select('po/web svc/web')).targets).toEqual(['default:pods./web', 'default:services./web']);
    expect((await select('po,svc web')).targets).toEqual(['default:pods./web', 'default:services./web']);
  });

  it('expands categories', async () => {
    expect((await select('all')).targets).toContain('default:deployments.apps/*');
    expect((await select('all')).targets).toContain('default:services./*');
  });

  it.each([
    ['nopes', {}, 'the server doesn\'t have a resource type "nopes"'],
    ['po/a/b', {}, 'arguments in resource/name form may not have more than one slash'],
    ['po/', {}, 'arguments in resource/name form must have a single resource and name'],
    ['po/a svc', {}, 'there is no need to specify a resource type as a separate argument'],
    ['po a', { labelSelector: 'x=y' }, 'name cannot be provided when a selector is specified'],
    [
      'po/a',
      { labelSelector: 'x=y' },
      'selectors and the all flag cannot be used when passing resource/name arguments',
    ],
    ['po a', { allNamespaces: true }, 'a resource cannot be retrieved by name across all namespaces'],
    ['po', { all: true, labelSelector: 'x=y' }, "setting 'all' parameter but found a non empty selector. "],
    ['po', { subresource: 'status' }, 'subresource cannot be used when bulk resources are specified'],
    ['po,svc', { singleType: true }, 'you may only specify a single resource type'],
    ['po', { kindAlone: false }, 'resource(s) were provided, but no name was specified'],
  ])("refuses %s in kubectl's words", async (words, options, message) => {
    await expect(select(words, options)).rejects.toThrow(message);
  });

  it('sorts words out without a server', () => {
    expect(parseResourceWords(['po', 'a'], 'get')).toEqual({ form: 'types', types: ['po'], names: ['a'] });
    expect(parseResourceWords([], 'get')).toEqual({ form: 'types', types: [], names: [] });
  });
});
