import { compileAllowance } from './compile-allowance.ts'
import { type CompileContext, reportRepeated, timerMs } from './compile-context.ts'
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
    context.report(
      at,
      `${showPath(path)} has no target left that a provider serves. Name one whose provider stands under providers.`,
      'key',
    )
  else if (targets.every((target) => target.weight === 0))
    context.report(
      at,
      'all weights are 0, so no target could be chosen. Give at least one target a weight above 0.',
      'key',
    )
  checkTargets(model, at, context)
  const hedge = model.hedge && {
    share: model.hedge.extra_percent / 100,
    afterMs: timerMs(model.hedge.after, [...path, 'hedge', 'after'], context),
  }
  return {
    name,
    strategy: model.strategy,
    targets,
    fallbacks,
    declared: { targets: model.targets, fallbacks: model.fallbacks },
    hedge: hedge ?? null,
    ...compileAllowance(model),
  }
}

function checkTargets({ strategy, targets }: RawModel, path: Path, context: CompileContext): void {
  reportRepeated(
    targets,
    (target) => target.model,
    (i) =>
      context.report(
        [...path, i, 'model'],
        `"${targets[i]?.model}" is among the targets already. Give it one entry, with the whole weight.`,
      ),
  )
  const weighed = targets.findIndex((_, i) => context.isGiven([...path, i, 'weight']))
  if (strategy !== 'weighted' && weighed >= 0)
    context.warn(
      `${showPath([...path, weighed, 'weight'])} has no effect with strategy ${strategy}; write "strategy: weighted" if it should.`,
    )
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
    for (const [next, path] of namesIn(name, model)) {
      const from = [...trail, name].indexOf(next)
      if (from < 0) visit(next, [...trail, name])
      else {
        const circle = [...[...trail, name].slice(from), next].join(' -> ')
        const why =
          next === name
            ? `"${name}" stands for itself here.`
            : `these names lead back to themselves: ${circle}.`
        context.report(path, `${why} Take this one out, or name another.`)
      }
    }
    done.add(name)
  }
  for (const name of Object.keys(raw.models)) visit(name, [])
}

const namesIn = (
  name: string,
  { targets, fallbacks }: RawModel,
): readonly (readonly [name: string, path: Path])[] => [
  ...targets.map(({ model }, i) => [model, ['models', name, 'targets', i, 'model']] as const),
  ...fallbacks.map((fallback, i) => [fallback, ['models', name, 'fallbacks', i]] as const),
]
