// Package config is the configuration file as Go values. Shapes only; schemas/check reads and validates it.
package config
