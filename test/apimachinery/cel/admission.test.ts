import { describe, expect, it } from 'vitest';
import {
  AdmissionBindings,
  AdmissionCompiler,
  type AdmissionInputs,
  compileDeviceSelector,
  evaluateConditions,
  type Program,
  runtimeCostBudget,
} from '../../../src/apimachinery/cel/index.ts';

const request = { operation: 'CREATE', name: 'web', userInfo: { username: 'ann', groups: ['dev'] } };
const inputs: AdmissionInputs = { object: { spec: { replicas: 5 } }, request };

function evaluate(expression: string, more: Partial<AdmissionInputs> = {}, variables: Record<string, string> = {}) {
  const compiler = new AdmissionCompiler();
  const hasParams = more.params !== undefined;
  const programs = new Map<string, Program>();
  for (const [name, text] of Object.entries(variables)) {
    programs.set(name, compiler.addVariable(name, text, { hasParams }).program!);
  }
  const { program, error } = compiler.compile(expression, 'bool', { hasParams });
  expect(error).toBeUndefined();
  const bindings = new AdmissionBindings({ ...inputs, ...more }, programs);
  return evaluateConditions([{ expression, program }], bindings, runtimeCostBudget);
}

describe('expressions of admission', () => {
  it('see the request, the objects, params and the namespace', () => {
    const namespaceObject = {
      metadata: { name: 'ns', labels: { env: 'prod' }, creationTimestamp: '2026-01-01T00:00:00Z' },
    };
    for (const expression of [
      'object.spec.replicas == 5 && oldObject == null',
      "request.operation == 'CREATE' && 'dev' in request.userInfo.groups",
      'object.spec.replicas <= int(params.data.max)',
      "namespaceObject.metadata.labels['env'] == 'prod'",
      "namespaceObject.metadata.creationTimestamp < timestamp('2026-02-01T00:00:00Z')",
    ]) {
      const result = evaluate(expression, { params: { data: { max: '7' } }, namespaceObject });
      expect(result.results, expression).toEqual([{ value: true }]);
    }
  });

  it('evaluate a variable when it is used, once', () => {
    const twice = evaluate(
      'variables.sum > 1 && variables.sum < 100',
      {},
      {
        sum: '[1, 2, 3].map(x, x * object.spec.replicas).sum()',
        unused: 'object.missing',
      },
    );
    expect(twice.results).toEqual([{ value: true }]);
    const once = evaluate('variables.sum > 1', {}, { sum: '[1, 2, 3].map(x, x * object.spec.replicas).sum()' });
    expect(once.remainingBudget - twice.remainingBudget).toBeLessThan(5);
    expect(evaluate('variables.bad == 1', {}, { bad: 'object.missing' }).results).toEqual([
      {
        error:
          'expression \'variables.bad == 1\' resulted in error: composited variable "bad" fails to evaluate: no such key: missing',
      },
    ]);
  });

  it('ask the authorizer', () => {
    const asked: unknown[] = [];
    const result = evaluate(
      "authorizer.requestResource.check('get').allowed() && !authorizer.group('apps').resource('deployments').namespace('x').check('delete').allowed()",
      {
        authorize: (check) => {
          asked.push(check);
          return { allowed: check.verb === 'get', reason: '' };
        },
        requestResource: { group: '', resource: 'pods', namespace: 'default' },
      },
    );
    expect(result.results).toEqual([{ value: true }]);
    expect(asked).toEqual([
      { group: '', resource: 'pods', namespace: 'default', verb: 'get' },
      { group: 'apps', resource: 'deployments', namespace: 'x', verb: 'delete' },
    ]);
    expect(runtimeCostBudget - result.remainingBudget).toBeGreaterThan(700_000);
  });

  it('end when the budget is spent', () => {
    const compiler = new AdmissionCompiler();
    const expression = 'object.spec.replicas > 1';
    const condition = { expression, program: compiler.compile(expression, 'bool').program };
    const result = evaluateConditions([condition, condition], new AdmissionBindings(inputs), 5);
    expect(result.results).toEqual([{ value: true }]);
    expect(result.exhausted).toBe(
      'validation failed due to running out of cost budget, no further validation rules will be run',
    );
  });

  it('make patches and apply configurations only where these are asked for', () => {
    const compiler = new AdmissionCompiler();
    const patch = '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: "c"}]';
    expect(compiler.compile(patch, 'json-patch').error).toBeUndefined();
    expect(compiler.compile('Object{spec: Object.spec{replicas: 3}}', 'apply-configuration').error).toBeUndefined();
    expect(compiler.compile('1', 'json-patch').error).toBe('must evaluate to list(JSONPatch) but got int');
    expect(compiler.compile("jsonpatch.escapeKey('a') == 'a'", 'bool').error).toContain('undeclared reference');
  });
});

describe('selectors of devices', () => {
  it('are bool or unknown, within the cost limit', () => {
    expect(compileDeviceSelector("device.driver == 'a' && device.attributes['a'].b").error).toBeUndefined();
    expect(compileDeviceSelector("cel.bind(a, device.attributes['x'], a.y == 'z')").error).toBeUndefined();
    expect(compileDeviceSelector("device.capacity['x'].y.isGreaterThan(quantity('1Gi'))").maxCost).toBe(6);
    expect(compileDeviceSelector('1').error).toBe('must evaluate to bool or the unknown type, not int');
  });
});
