/** addedAffinity of NodeAffinityArgs. Upstream: component-helpers/scheduling/corev1/nodeaffinity (1.36). */
import { type FieldErrorList, type FieldPath, isLabelValue, isQualifiedName } from '../../apimachinery/index.ts';
import type { PluginArgs } from './types.ts';

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

interface Term {
  readonly matchExpressions?: readonly Requirement[];
  readonly matchFields?: readonly Requirement[];
}

interface AddedAffinity {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms?: readonly Term[] };
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
    readonly weight?: number;
    readonly preference?: Term;
  }[];
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];
const integer = /^[-+]?\d+$/;

function isInt64(text: string): boolean {
  return integer.test(text) && BigInt.asIntN(64, BigInt(text.replace('+', ''))) === BigInt(text.replace('+', ''));
}

function expressionRule(errors: FieldErrorList, at: FieldPath, { key = '', operator = '', values = [] }: Requirement) {
  if (!operators.includes(operator)) {
    errors.notSupported(at.child('operator'), operator, operators, { inOrder: true });
    return;
  }
  const keyProblems = isQualifiedName(key);
  if (keyProblems.length > 0) errors.invalid(at.child('key'), key, keyProblems.join('; '));
  const path = at.child('values');
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.invalid(path, null, "for 'in', 'notin' operators, values set can't be empty");
  } else if (operator === 'Gt' || operator === 'Lt') {
    const words = "for 'Gt', 'Lt' operators, ";
    if (values.length !== 1) {
      errors.invalid(path, values.length === 0 ? null : values, `${words}exactly one value is required`);
    }
    for (const [i, value] of values.entries()) {
      if (!isInt64(value)) errors.invalid(path.index(i), value, `${words}the value must be an integer`);
    }
  } else if (values.length > 0) {
    errors.invalid(path, values, 'values set must be empty for exists and does not exist');
  }
  for (const [i, value] of values.entries()) {
    const problems = isLabelValue(value);
    if (problems.length > 0) errors.invalid(path.index(i), value, problems.join('; '));
  }
}

function termRule(errors: FieldErrorList, path: FieldPath, term: Term): void {
  for (const [i, expression] of (term.matchExpressions ?? []).entries()) {
    expressionRule(errors, path.child('matchExpressions').index(i), expression);
  }
  for (const [i, { operator = '', values = [] }] of (term.matchFields ?? []).entries()) {
    const at = path.child('matchFields').index(i);
    if (operator !== 'In' && operator !== 'NotIn') errors.notSupported(at.child('operator'), operator, ['In', 'NotIn']);
    else if (values.length !== 1) {
      errors.invalid(at.child('values'), values.length === 0 ? null : values, 'must have one element');
    }
  }
}

/** What no node can be compared with. Preferences of weight 0 are not looked at. */
export function addedAffinityRule(errors: FieldErrorList, path: FieldPath, args: PluginArgs): void {
  const added = args['addedAffinity'] as AddedAffinity | undefined;
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  for (const [i, term] of (added?.[required]?.nodeSelectorTerms ?? []).entries()) {
    termRule(errors, path.child('addedAffinity', required, 'nodeSelectorTerms').index(i), term);
  }
  for (const [i, { weight = 0, preference = {} }] of (added?.[preferred] ?? []).entries()) {
    if (weight !== 0) termRule(errors, path.child('addedAffinity', preferred).index(i), preference);
  }
}
