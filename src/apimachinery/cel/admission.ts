/**
 * Expressions of admission: policies, their variables and messages, match conditions of webhooks.
 * Upstream: apiserver/pkg/admission/plugin/cel/{compile,composition,condition}.go, apiserver/pkg/cel/mutation.
 */
import {
  authorizerType,
  boolType,
  type CelType,
  dynType,
  listType,
  nullType,
  resourceCheckType,
  sameType,
  stringType,
  structType,
} from './cel-types.ts';
import { type DeclType, declTypeOf } from './decl-type.ts';
import { CelEnvironment, type EnvironmentOptions } from './environment.ts';
import { type AuthorizationCheck, type Authorize, CheckValue } from './library/authorizer.ts';
import type { Activation, Program } from './program.ts';
import { plainValue, schemaValue } from './schema-values.ts';
import { type JSONSchemaProps, perCallLimit } from './types.ts';
import { CelFailure, CelMap, type Value } from './values.ts';

const text: JSONSchemaProps = { type: 'string' };
const texts = (...names: string[]): Record<string, JSONSchemaProps> =>
  Object.fromEntries(names.map((name) => [name, text]));
const object = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({ type: 'object', properties });
const listOf = (items: JSONSchemaProps): JSONSchemaProps => ({ type: 'array', items });
const mapOf = (additionalProperties: JSONSchemaProps): JSONSchemaProps => ({ type: 'object', additionalProperties });
const time: JSONSchemaProps = { type: 'string', format: 'date-time' };

const requestSchema = object({
  kind: object(texts('group', 'version', 'kind')),
  resource: object(texts('group', 'version', 'resource')),
  requestKind: object(texts('group', 'version', 'kind')),
  requestResource: object(texts('group', 'version', 'resource')),
  ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
  userInfo: object({ ...texts('username', 'uid'), groups: listOf(text), extra: mapOf(listOf(text)) }),
  dryRun: { type: 'boolean' },
  options: { 'x-kubernetes-preserve-unknown-fields': true },
});

const namespaceSchema = object({
  metadata: object({
    ...texts('name', 'generateName', 'namespace', 'UID', 'resourceVersion'),
    labels: mapOf(text),
    annotations: mapOf(text),
    creationTimestamp: time,
    deletionTimestamp: time,
    deletionGracePeriodSeconds: { type: 'integer' },
    generation: { type: 'integer' },
    finalizers: listOf(text),
  }),
  spec: object({ finalizers: listOf(text) }),
  status: object({
    phase: text,
    conditions: listOf(object({ ...texts('status', 'type', 'message', 'reason'), lastTransitionTime: time })),
  }),
});

const dynDecl: DeclType = { type: dynType, maxElements: 0, minSize: 1 };

interface Types {
  readonly request: DeclType;
  readonly namespace: DeclType;
}

let types: Types | undefined;

function admissionTypes(): Types {
  if (!types) {
    const request = declTypeOf(requestSchema, false, 'kubernetes.AdmissionRequest')!;
    types = {
      request: { ...request, fields: new Map([...request.fields!, ['options', dynDecl]]) },
      namespace: declTypeOf(namespaceSchema, false, 'kubernetes.Namespace')!,
    };
  }
  return types;
}

const jsonPatchType = structType('JSONPatch');
const jsonPatchFields: Readonly<Record<string, CelType>> = {
  op: stringType,
  from: stringType,
  path: stringType,
  value: dynType,
};

/** `Object`, `Object.spec` …: any field may be set, `Object.x` only to `Object.x{…}` where one is given. */
const mutationOptions: Pick<EnvironmentOptions, 'mutation' | 'messages' | 'messageField'> = {
  mutation: true,
  messages(name) {
    if (name === 'JSONPatch') return jsonPatchType;
    return name === 'Object' || name.startsWith('Object.') ? structType(name) : undefined;
  },
  messageField(typeName, field) {
    if (typeName === 'JSONPatch') return jsonPatchFields[field];
    return typeName === 'Object' || typeName.startsWith('Object.') ? dynType : undefined;
  },
};

/** What an expression must come to. */
export type AdmissionResult = 'bool' | 'string' | 'string-or-null' | 'any' | 'json-patch' | 'apply-configuration';

const wanted: Readonly<Record<AdmissionResult, readonly CelType[]>> = {
  bool: [boolType],
  string: [stringType],
  'string-or-null': [stringType, nullType],
  any: [],
  'json-patch': [listType(jsonPatchType)],
  'apply-configuration': [structType('Object')],
};

export interface AdmissionExpressionOptions {
  readonly hasParams?: boolean;
  /** Default true. */
  readonly hasAuthorizer?: boolean;
}

export type AdmissionCompilation =
  | { readonly program: Program; readonly type: CelType; readonly error?: undefined }
  | { readonly error: string; readonly program?: undefined; readonly type?: undefined };

/** Go's String() of a type. */
function goType(type: CelType): string {
  return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(goType).join(', ')})`;
}

/** Compiles the expressions of one policy: later ones see the variables that were added. */
export class AdmissionCompiler {
  readonly #variables = new Map<string, DeclType>();
  readonly #environments = new Map<string, CelEnvironment>();
  #hasVariables = false;

  /** @returns the program or why there is none; a variable without one is dyn to those that follow. */
  addVariable(name: string, expression: string, options: AdmissionExpressionOptions = {}): AdmissionCompilation {
    this.#hasVariables = true;
    this.#environments.clear();
    const compiled = this.compile(expression, 'any', options);
    this.#variables.set(name, compiled.type ? { ...dynDecl, type: compiled.type } : dynDecl);
    this.#environments.clear();
    return compiled;
  }

  compile(expression: string, result: AdmissionResult, options: AdmissionExpressionOptions = {}): AdmissionCompilation {
    const isMutation = result === 'json-patch' || result === 'apply-configuration';
    const { compiled, issues, planError } = this.#environment(options, isMutation).compile(expression);
    if (issues !== undefined) return { error: `compilation failed: ${issues}` };
    if (planError !== undefined) return { error: `program instantiation failed: ${planError}` };
    const { type, program } = compiled;
    const allowed = wanted[result];
    if (allowed.length === 0 || allowed.some((one) => sameType(one, type))) return { program, type };
    const names = allowed.map(goType);
    const must = names.length === 1 ? names[0] : `one of [${names.join(' ')}]`;
    return { error: `must evaluate to ${must} but got ${goType(type)}` };
  }

  #environment(options: AdmissionExpressionOptions, isMutation: boolean): CelEnvironment {
    const { hasParams = false, hasAuthorizer = true } = options;
    const key = `${hasParams} ${hasAuthorizer} ${isMutation}`;
    let environment = this.#environments.get(key);
    if (!environment) {
      const { request, namespace } = admissionTypes();
      const variables: DeclType = {
        type: structType('kubernetes.variables'),
        fields: new Map(this.#variables),
        maxElements: 0,
        minSize: 2,
      };
      environment = new CelEnvironment({
        variables: {
          object: dynType,
          oldObject: dynType,
          request: request.type,
          namespaceObject: namespace.type,
          ...(hasParams ? { params: dynType } : {}),
          ...(hasAuthorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
          ...(this.#hasVariables ? { variables: variables.type } : {}),
        },
        declTypes: [request, namespace, ...(this.#hasVariables ? [variables] : [])],
        ...(isMutation ? mutationOptions : {}),
      });
      this.#environments.set(key, environment);
    }
    return environment;
  }
}

/** What a request brings to its policies, as plain JSON. */
export interface AdmissionInputs {
  readonly object?: unknown;
  readonly oldObject?: unknown;
  /** As admission/v1 AdmissionRequest, without the objects. */
  readonly request: unknown;
  readonly params?: unknown;
  readonly namespaceObject?: unknown;
  readonly authorize?: Authorize;
  /** What `authorizer.requestResource` asks about. */
  readonly requestResource?: Omit<AuthorizationCheck, 'verb'>;
}

/** The inputs bound to names; variables are evaluated when first used, once. */
export class AdmissionBindings {
  readonly activation: Activation;
  #variableCost = 0;

  constructor(inputs: AdmissionInputs, variables: ReadonlyMap<string, Program> = new Map()) {
    const made = new Map<string, Value | undefined>();
    const lazy = new LazyVariables(variables, (program) => {
      const { value, cost } = program.evaluate(this.activation, perCallLimit);
      this.#variableCost += cost;
      return value;
    });
    this.activation = (name) => {
      if (name === 'variables') return lazy;
      if (!made.has(name)) made.set(name, bind(name, inputs));
      return made.get(name);
    };
  }

  /** What evaluating variables has cost since it was last asked. */
  takeVariableCost(): number {
    const cost = this.#variableCost;
    this.#variableCost = 0;
    return cost;
  }
}

function bind(name: string, inputs: AdmissionInputs): Value | undefined {
  switch (name) {
    case 'object':
      return plainValue(inputs.object ?? null);
    case 'oldObject':
      return plainValue(inputs.oldObject ?? null);
    case 'params':
      return plainValue(inputs.params ?? null);
    case 'request':
      return schemaValue(inputs.request, requestSchema);
    case 'namespaceObject':
      return inputs.namespaceObject === undefined ? null : schemaValue(inputs.namespaceObject, namespaceSchema);
    case 'authorizer':
      return inputs.authorize && new CheckValue('Authorizer', inputs.authorize);
    case 'authorizer.requestResource':
      return inputs.authorize && new CheckValue('ResourceCheck', inputs.authorize, inputs.requestResource ?? {});
    default:
      return undefined;
  }
}

class LazyVariables extends CelMap {
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #evaluate: (program: Program) => Value;
  readonly #values = new Map<string, Value>();

  constructor(programs: ReadonlyMap<string, Program>, evaluate: (program: Program) => Value) {
    super();
    this.#programs = programs;
    this.#evaluate = evaluate;
  }

  get size(): number {
    return this.#programs.size;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const program = this.#programs.get(key);
    if (!program) return undefined;
    let value = this.#values.get(key);
    if (value === undefined) {
      value = this.#evaluate(program);
      if (value instanceof CelFailure) {
        value = new CelFailure(`composited variable ${JSON.stringify(key)} fails to evaluate: ${value.message}`);
      }
      this.#values.set(key, value);
    }
    return value;
  }

  has(key: Value): boolean {
    return typeof key === 'string' && this.#programs.has(key);
  }

  keys(): readonly Value[] {
    return [...this.#programs.keys()];
  }
}

export interface ConditionResult {
  /** Absent when evaluation failed. */
  readonly value?: Value;
  readonly error?: string;
}

export interface ConditionResults {
  readonly results: readonly ConditionResult[];
  /** Set: the budget is spent, no result can be relied on. */
  readonly exhausted?: string;
  readonly remainingBudget: number;
}

/**
 * Evaluates expressions one after the other against one budget.
 * Upstream: condition.ForInput (apiserver/pkg/admission/plugin/cel/condition.go).
 */
export function evaluateConditions(
  conditions: readonly { readonly expression: string; readonly program: Program | undefined }[],
  bindings: AdmissionBindings,
  budget: number,
): ConditionResults {
  const results: ConditionResult[] = [];
  let remainingBudget = budget;
  for (const { expression, program } of conditions) {
    if (!program) {
      results.push({});
      continue;
    }
    const { value, cost } = program.evaluate(bindings.activation, perCallLimit);
    remainingBudget -= cost + bindings.takeVariableCost();
    if (remainingBudget < 0) {
      const exhausted = 'validation failed due to running out of cost budget, no further validation rules will be run';
      return { results, exhausted, remainingBudget: -1 };
    }
    if (value instanceof CelFailure) {
      results.push({ error: `expression '${expression}' resulted in error: ${value.message}` });
    } else results.push({ value });
  }
  return { results, remainingBudget };
}
