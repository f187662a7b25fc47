import type { CompileContext } from './compile-context.ts'
import type { ModelConfig } from './config.ts'
import { nearestName } from './nearest.ts'
import type { RawConfig, RawModel } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'

/** Public names with what stands behind them; targets nobody serves are left out with a warning. */
export function compileModels(
  raw: RawConfig,
  context: CompileContext,
): ReadonlyMap<string, ModelConfig> {
  const compiled = new Map<string, ModelConfig>()
  for (const [name, model] of Object.entries(raw.models))
    compiled.set(name, compileModel(name, model, raw, context))
  reportCycles(raw, context)
  return compiled
}

function compileModel(
  name: string,
  model: RawModel,
  raw: RawConfig,
  context: CompileContext,
): ModelConfig {
  const path: Path = ['models', name]
  const targets = model.targets.filter((target, i) =>
    isServed(target.model, [...path, 'targets', i, 'model'], raw, context),
  )
  const fallbacks = model.fallbacks.filter((fallback, i) =>
    isServed(fallback, [...path, 'fallbacks', i], raw, context),
  )
  const at = [...path, 'targets']
  if (targets.length === 0)
    context.report(at, `${showPath(path)} has no target left that a provider serves.`, 'key')
  else if (model.strategy === 'weighted' && targets.every((target) => target.weight === 0))
    context.report(at, 'all weights are 0, so no target could be chosen.', 'key')
  return { name, strategy: model.strategy, targets, fallbacks }
}

function isServed(model: string, path: Path, raw: RawConfig, context: CompileContext): boolean {
  if (Object.hasOwn(raw.models, model)) return true
  const slash = model.indexOf('/')
  const provider = model.slice(0, Math.max(0, slash))
  if (slash < 1 || slash === model.length - 1) {
    const near = nearestName(model, Object.keys(raw.models))
    const hint = near === null ? '' : ` Did you mean "${near}"?`
    context.report(path, `"${model}" is neither provider/model nor a name under models.${hint}`)
    // It was reported; to call the whole model unserved as well would say it twice.
    return true
  }
  if (Object.hasOwn(raw.providers, provider)) return true
  const shown = showPath(path).replace(/\.model$/, '')
  context.warn(`${shown}: no provider "${provider}"; skipped until there is one.`)
  return false
}

/** A public name that leads back to itself could never be resolved. */
function reportCycles(raw: RawConfig, context: CompileContext): void {
  const done = new Set<string>()
  const visit = (name: string, trail: readonly string[]): void => {
    const model = Object.hasOwn(raw.models, name) ? raw.models[name] : undefined
    if (!model || done.has(name)) return
    const next = [...model.targets.map((target) => target.model), ...model.fallbacks]
    for (const target of next) {
      const from = [...trail, name].indexOf(target)
      if (from < 0) visit(target, [...trail, name])
      else {
        const circle = [...[...trail, name].slice(from), target].join(' -> ')
        context.report(['models', name], `these names lead back to themselves: ${circle}.`, 'key')
      }
    }
    done.add(name)
  }
  for (const name of Object.keys(raw.models)) visit(name, [])
}
