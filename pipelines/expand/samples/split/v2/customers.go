// Package v2 is the application after the split: a customer has a first and a last name.
package v2

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Add takes in a customer.
func Add(ctx context.Context, db *pgx.Conn, first, last string) (id int64, err error) {
	err = db.QueryRow(ctx, "INSERT INTO customers (first_name, last_name) VALUES ($1, $2) RETURNING id", first, last).Scan(&id)
	return id, err
}

// Rename gives a customer another name.
func Rename(ctx context.Context, db *pgx.Conn, id int64, first, last string) error {
	_, err := db.Exec(ctx, "UPDATE customers SET first_name = $2, last_name = $3 WHERE id = $1", id, first, last)
	return err
}

// Name tells a customer's name.
func Name(ctx context.Context, db *pgx.Conn, id int64) (first, last string, err error) {
	err = db.QueryRow(ctx, "SELECT first_name, last_name FROM customers WHERE id = $1", id).Scan(&first, &last)
	return first, last, err
}
