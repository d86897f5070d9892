'use strict'
/** @param {any} _texample */
module.exports.create = (_texample) => ({})
