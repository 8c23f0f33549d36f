/** Selectors of cached objects, parsed once per object. */
import {
  everythingSelector,
  nothingSelector,
  type Selector,
  selectorFromLabelSelector,
  selectorFromSet,
} from '../../apimachinery/index.ts';

const parsed = new WeakMap<object, Selector>();

/** Selector of a workload's `spec.selector` (metav1.LabelSelector). One that cannot be parsed selects nothing. */
export function selectorOf(object: { readonly spec?: { readonly selector?: object } }): Selector {
  const selector = object.spec?.selector;
  if (!selector) return nothingSelector();
  let found = parsed.get(selector);
  if (!found) {
    try {
      found = selectorFromLabelSelector(selector);
    } catch {
      // Validation keeps such objects out; one from elsewhere must not stop the others.
      found = nothingSelector();
    }
    parsed.set(selector, found);
  }
  return found;
}

/** Selector of a Service (a plain set of labels). */
export function setSelectorOf(service: { readonly spec?: { readonly selector?: Record<string, string> } }): Selector {
  const selector = service.spec?.selector;
  if (!selector) return everythingSelector();
  let found = parsed.get(selector);
  if (!found) {
    found = selectorFromSet(selector);
    parsed.set(selector, found);
  }
  return found;
}
