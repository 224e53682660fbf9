// What a bot says about itself: names, descriptions, commands, menu button. core.telegram.org/bots/api#setmycommands
import { badRequest, refuse } from './errors.ts'
import { isObject, type Parameters, structureOf, textOf } from './parameters.ts'
import type { BotProfile } from './state.ts'

const COMMANDS_LIMIT = 100

export function setCommands(bot: BotProfile, parameters: Parameters): true {
  const value = structureOf(parameters, 'commands')
  if (!Array.isArray(value)) throw badRequest("can't parse commands: expected an Array of BotCommand")
  if (value.length > COMMANDS_LIMIT) throw refuse('TooManyCommands')
  const commands = value.map((each: unknown) => {
    const command = isObject(each) && typeof each.command === 'string' ? each.command.replace(/^\//, '') : ''
    const description = isObject(each) && typeof each.description === 'string' ? each.description.trim() : ''
    if (!/^[a-z0-9_]{1,32}$/.test(command)) throw refuse('CommandInvalid')
    if (description === '' || description.length > 256) throw refuse('CommandDescriptionInvalid')
    return { command, description }
  })
  bot.commands.set(commandsKey(parameters), commands)
  return true
}

export function commandsOf(bot: BotProfile, parameters: Parameters): unknown {
  return bot.commands.get(commandsKey(parameters)) ?? []
}

export function deleteCommands(bot: BotProfile, parameters: Parameters): true {
  bot.commands.delete(commandsKey(parameters))
  return true
}

function commandsKey(parameters: Parameters): string {
  const scope = structureOf(parameters, 'scope') ?? { type: 'default' }
  return `${JSON.stringify(scope)} ${textOf(parameters, 'language_code') ?? ''}`
}

/** A text per language; an empty one removes it. */
export function setTextPerLanguage(
  texts: Map<string, string>,
  given: { parameters: Parameters; name: string; limit: number },
): true {
  const text = textOf(given.parameters, given.name) ?? ''
  const language = textOf(given.parameters, 'language_code') ?? ''
  if (text.length > given.limit) throw badRequest(`${given.name.replaceAll('_', ' ')} is too long`)
  if (text === '') texts.delete(language)
  else texts.set(language, text)
  return true
}

export function textPerLanguage(texts: Map<string, string>, given: { parameters: Parameters; name: string }): unknown {
  const language = textOf(given.parameters, 'language_code') ?? ''
  return { [given.name]: texts.get(language) ?? texts.get('') ?? '' }
}

export function setMenuButton(bot: BotProfile, parameters: Parameters): true {
  const button = structureOf(parameters, 'menu_button') ?? { type: 'default' }
  if (!isObject(button) || !['default', 'commands', 'web_app'].includes(String(button.type))) {
    throw badRequest("can't parse menu button: MenuButton has unsupported type")
  }
  bot.menuButton.set(textOf(parameters, 'chat_id') ?? 'default', button)
  return true
}

export function menuButtonOf(bot: BotProfile, parameters: Parameters): unknown {
  const chatId = textOf(parameters, 'chat_id') ?? 'default'
  return bot.menuButton.get(chatId) ?? bot.menuButton.get('default') ?? { type: 'commands' }
}
