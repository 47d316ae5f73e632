package postgres

// PageStatement lets the tests ask PostgreSQL how it would run a query.
var PageStatement = pageStatement
