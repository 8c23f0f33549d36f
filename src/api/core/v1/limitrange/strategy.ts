/** Upstream: pkg/registry/core/limitrange/strategy.go, pkg/apis/core/{v1/defaults,validation/validation}.go (1.36). */
import { type FieldErrorList, FieldPath, parseQuantity, type Quantity } from '../../../../apimachinery/index.ts';
import { canonicalResources, setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { LimitRange, LimitRangeItem } from '../../../types.ts';
import { validateResourceName } from '../pod/validation-resources.ts';

const fields = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function defaultItem(item: LimitRangeItem): void {
  for (const field of fields) canonicalResources(item[field] as Record<string, unknown> | undefined);
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
  if (Object.keys(item.default).length === 0) delete item.default;
  if (Object.keys(item.defaultRequest ?? {}).length === 0) delete item.defaultRequest;
}

/** `low` must not be above `high`; upstream's words name both. */
function validateOrder(
  low: { name: string; at: FieldPath; amount: Quantity | undefined },
  high: { name: string; at: FieldPath; amount: Quantity | undefined },
  report: 'low' | 'high',
  errors: FieldErrorList,
): void {
  if (low.amount === undefined || high.amount === undefined || low.amount.compare(high.amount) <= 0) return;
  const [bad, other] = report === 'low' ? [low, high] : [high, low];
  const relation = report === 'low' ? 'less than or equal to' : 'greater than or equal to';
  errors.invalid(
    bad.at,
    bad.amount!.toString(),
    `${bad.name} value ${bad.amount!.toString()} must be ${relation} ${other.name} value ${other.amount!.toString()}`,
  );
}

function validateItem(item: LimitRangeItem, path: FieldPath, errors: FieldErrorList): void {
  const isPod = item.type === 'Pod';
  for (const field of ['default', 'defaultRequest'] as const) {
    if (isPod && item[field] && Object.keys(item[field]).length > 0) {
      errors.forbidden(path.child(field), "may not be specified when `type` is 'Pod'");
    }
  }
  const names = new Set(fields.flatMap((field) => Object.keys(item[field] ?? {})));
  for (const name of names) {
    if (!validateResourceName(name, path.key(name), errors)) continue;
    const at = (field: (typeof fields)[number]) => path.child(field).key(name);
    const amount = (field: (typeof fields)[number]): Quantity | undefined => {
      const text = item[field]?.[name];
      return text === undefined ? undefined : parseQuantity(text);
    };
    const part = (field: (typeof fields)[number]) => ({ name: field, at: at(field), amount: amount(field) });
    validateOrder(part('min'), part('max'), 'low', errors);
    validateOrder(part('min'), part('defaultRequest'), 'high', errors);
    validateOrder(part('defaultRequest'), part('max'), 'low', errors);
    validateOrder(part('defaultRequest'), part('default'), 'low', errors);
    validateOrder(part('min'), part('default'), 'high', errors);
    validateOrder(part('default'), part('max'), 'low', errors);
    const ratio = amount('maxLimitRequestRatio');
    if (ratio !== undefined && ratio.compare(parseQuantity(1)) < 0) {
      errors.invalid(at('maxLimitRequestRatio'), ratio.toString(), `ratio ${ratio.toString()} is less than 1`);
    }
  }
}

export const limitRangeStrategy: Strategy = {
  allowCreateOnUpdate: true,
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    for (const item of (object as LimitRange).spec?.limits ?? []) defaultItem(item);
  },
  validate(object, errors) {
    const types = new Set<string>();
    for (const [index, item] of ((object as Readonly<LimitRange>).spec?.limits ?? []).entries()) {
      const path = FieldPath.root('spec', 'limits').index(index);
      if (types.has(item.type)) errors.duplicate(path.child('type'), item.type);
      types.add(item.type);
      validateItem(item, path, errors);
    }
  },
};
