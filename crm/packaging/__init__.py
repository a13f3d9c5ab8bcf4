"""Makes what a checkout or a wheel needs and git does not hold: front-end files and compiled translations.

Imports nothing else of crm, so that the wheel's build hook can load it where the product's dependencies are missing.
"""
